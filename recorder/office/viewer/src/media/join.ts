/**
 * The segments of a journey, or of what lies between two marks, become one film; `recorder/office/join.py`, in a browser.
 *
 * Rules: segments come in order and in pieces, as they are decrypted; hardly more than one fragment is in memory. What cannot
 * be used is left out, counted and said; what follows it is still taken. Other codec parameters, or a timeline that begins
 * anew, begin another part; so does a part that grows past `maxPartBytes`. Of a clip's first and last fragment only the
 * samples that it needs are copied: what lies outside the marks stays out of the file, but for the pictures from the key
 * frame before the first mark, which its first picture is made of and which are not shown.
 */
import { type Box, BoxSplitter, type Bytes, MediaError } from "./boxes.ts";
import { Cutter, type Fragment } from "./cut.ts";
import { readFragment, type TrackFragment } from "./fragments.ts";
import { type FilmOut, MovieWriter } from "./movie.ts";
import { readTracks, type Track } from "./tracks.ts";

/** Where films go: a file for each part. `end` gives it its name, `drop` removes what was not finished. */
export interface FilmFile extends FilmOut {
  end(): Promise<void>;
  drop(): Promise<void>;
}

export interface Film {
  readonly name: string;
  readonly durationS: number;
  readonly samples: number;
  readonly pictures: number;
}

export interface JoinOptions {
  readonly name: string;
  readonly create: (name: string) => Promise<FilmFile>;
  readonly maxPartBytes?: number | undefined;
  /** Of a clip; without, all of it is taken. */
  readonly cutter?: Cutter | undefined;
}

interface Part {
  readonly writer: MovieWriter;
  readonly file: FilmFile;
  readonly name: string;
}

export class Joiner {
  readonly #films: Film[] = [];
  #part: Part | null = null;
  #moov: Bytes | null = null; // of the segment being taken
  #tracks: ReadonlyMap<number, Track> = new Map();
  #moof: Bytes | null = null; // waiting for its mdat
  #hasShown = false;

  constructor(private readonly options: JoinOptions) {}

  /** Take one segment's plaintext, `startS` seconds into the journey; what was wrong with it, a sentence each. */
  async addSegment(pieces: AsyncIterable<Uint8Array>, startS: number): Promise<string[]> {
    this.#moov = this.#moof = null;
    const splitter = new BoxSplitter();
    const problems: string[] = [];
    try {
      for await (const piece of pieces) {
        for (const box of splitter.push(piece)) await this.#take(box, startS, problems);
      }
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      return [...problems, `${error.message} What follows was left out.`];
    }
    const moof: Bytes | null = this.#moof;
    const leftBytes = splitter.pendingBytes + ((moof as Bytes | null)?.length ?? 0);
    if (leftBytes) problems.push(`Its last ${leftBytes} bytes are no whole fragment and were left out.`);
    return problems;
  }

  /** Name what is written; empty where no sample came. */
  async finish(): Promise<readonly Film[]> {
    await this.#finishPart();
    return this.#films;
  }

  /** Remove what was not finished. */
  async drop(): Promise<void> {
    const part = this.#part;
    this.#part = null;
    await part?.file.drop();
  }

  async #take(box: Box, startS: number, problems: string[]): Promise<void> {
    if (box.kind === "moov") {
      this.#moov = box.data.slice();
      this.#tracks = readTracks(this.#moov);
      this.options.cutter?.begin(this.#tracks, startS);
    } else if (box.kind === "moof") {
      this.#moof = box.data.slice();
    } else if (box.kind === "mdat" && this.#moof !== null) {
      const moof = this.#moof;
      this.#moof = null;
      try {
        await this.#addFragment(moof, box);
      } catch (error) {
        if (!(error instanceof MediaError)) throw error;
        problems.push(`A fragment of ${moof.length + box.data.length} bytes was left out: ${error.message}`);
      }
    }
  }

  async #addFragment(moof: Bytes, mdat: Box): Promise<void> {
    if (this.#moov === null) throw new MediaError("It comes before the description of its tracks.");
    const whole = { parts: readFragment(moof, this.#tracks), moofBytes: moof.length, mdat };
    const { cutter } = this.options;
    for (const fragment of cutter === undefined ? [whole] : cutter.push(whole)) await this.#write(this.#moov, fragment);
  }

  async #write(moov: Bytes, { parts, moofBytes, mdat }: Fragment): Promise<void> {
    if (this.#part !== null && !this.#continues(this.#part.writer, moov, parts)) await this.#finishPart();
    this.#part ??= await this.#newPart(moov);
    await this.#part.writer.add(parts, moofBytes, mdat);
  }

  #continues(writer: MovieWriter, moov: Bytes, parts: readonly TrackFragment[]): boolean {
    if (!writer.hasParametersOf(moov)) return false;
    if (writer.isAheadOf(parts)) return false;
    const isFull = writer.sizeBytes >= (this.options.maxPartBytes ?? Number.POSITIVE_INFINITY);
    return !isFull || !parts.some((p) => this.#tracks.get(p.trackId)?.handler === "vide" && p.runs[0]?.sync[0] === true);
  }

  async #newPart(moov: Bytes): Promise<Part> {
    const number = this.#films.length + 1;
    const name = number === 1 ? `${this.options.name}.mp4` : `${this.options.name}-part${number}.mp4`;
    const file = await this.options.create(name);
    try {
      const writer = new MovieWriter(file, moov);
      if (this.options.cutter !== undefined && !this.#hasShown) writer.showFrom(this.options.cutter.shownFromS);
      this.#hasShown = true;
      return { writer, file, name };
    } catch (error) {
      await file.drop();
      throw error;
    }
  }

  async #finishPart(): Promise<void> {
    const part = this.#part;
    this.#part = null;
    if (part === null) return;
    if (!part.writer.sampleCount) {
      await part.file.drop();
      return;
    }
    try {
      const durationS = await part.writer.finish();
      await part.file.end();
      const { sampleCount, pictureCount } = part.writer;
      this.#films.push({ name: part.name, durationS, samples: sampleCount, pictures: pictureCount });
    } catch (error) {
      await part.file.drop();
      throw error;
    }
  }
}
