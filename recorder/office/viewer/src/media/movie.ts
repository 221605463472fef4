/**
 * One plain MP4 out of the fragments of many segments, written once from front to back; `recorder/office/movie.py`, byte
 * for byte.
 *
 * Why not append the fragments as they are: fragmented MP4 opens in browsers and in ffmpeg, not in everything that the
 * police or an editing room uses. Samples are copied as they are and their index is written behind them (`moov` last;
 * ISO/IEC 14496-12, 8.2 to 8.7). Nothing is decoded. A gap stays a gap: the sample before it lasts until it ends.
 */
import { type Box, boxesIn, type Bytes, insideOf, MediaError, payloadOf } from "./boxes.ts";
import { startOf, type TrackFragment } from "./fragments.ts";
import { ascii, box, fullBox, u32, u64 } from "./making.ts";
import { isLess, minus, plus, type Ratio, secondsOf, unitsOf, ZERO } from "./ratio.ts";
import { TrackSamples } from "./samples.ts";
import { isEqual, isSameTrack, readTracks, type Track } from "./tracks.ts";

/** Where a film goes. `write` has taken `data` when it resolves; `patch` writes over what was written before. */
export interface FilmOut {
  write(data: Bytes): Promise<void>;
  patch(position: number, data: Bytes): Promise<void>;
}

const FILE_TYPE = box("ftyp", ascii("isom"), u32(512), ascii("isomiso2avc1mp41"));
const MEDIA_HEADER_BYTES = 16; // with a 64-bit size: a day of footage is more than 4 GiB
const MOVIE_TIMESCALE = 90_000; // that of the picture, so that its edits are exact
const TKHD_TAIL_BYTES = 60; // from its second reserved field to the height, alike in both versions (8.3.2)
const MVHD_TAIL_BYTES = 80; // from the rate to the next track's id (8.2.2)
const MDHD_TAIL_BYTES = 4; // the language (8.4.2)
const ONE = 0x00010000; // 16.16 fixed point
const REACH_BACK_S = 1; // how far a segment's timeline may reach back into the one before it

/** Fragments come in their order; `finish` makes the film whole. */
export class MovieWriter {
  readonly #tracks: Map<number, TrackSamples>;
  readonly #declared: ReadonlyMap<number, Track>;
  #fitting: Uint8Array; // the last one that was found to fit: all fragments of a segment come with the same
  #position = FILE_TYPE.length + MEDIA_HEADER_BYTES;
  #isBegun = false;

  /** `moov`: the first segment's, the whole box. MediaError where it declares no track. */
  constructor(
    private readonly out: FilmOut,
    private readonly moov: Bytes,
  ) {
    this.#declared = readTracks(moov);
    if (!this.#declared.size) throw new MediaError("The MP4 declares no track.");
    this.#fitting = moov;
    this.#tracks = new Map([...this.#declared].map(([id, track]) => [id, new TrackSamples(track)]));
  }

  /** Samples taken so far, of all tracks. */
  get sampleCount(): number {
    return [...this.#tracks.values()].reduce((total, samples) => total + samples.count, 0);
  }

  /** Pictures taken so far. */
  get pictureCount(): number {
    return [...this.#tracks.values()].reduce((n, s) => n + (s.track.handler === "vide" ? s.count : 0), 0);
  }

  /** Bytes written so far, the index not counted. */
  get sizeBytes(): number {
    return this.#position;
  }

  /**
   * Whether what follows `moov` can follow here: tracks that are here too, with their codecs and timescales. A segment
   * of sound alone, from a time without a camera, is such: the picture has a gap there.
   */
  hasParametersOf(moov: Bytes): boolean {
    if (moov !== this.#fitting && !isEqual(moov, this.#fitting)) {
      for (const [id, track] of readTracks(moov)) {
        if (!isSameTrack(this.#declared.get(id), track)) return false;
      }
    }
    this.#fitting = moov;
    return true;
  }

  /** Whether the timeline of `parts` begins well before the end of what is written: a clock began anew. */
  isAheadOf(parts: readonly TrackFragment[]): boolean {
    return parts.some((part) => {
      const samples = this.#samples(part);
      return samples.count && samples.endTime - part.baseDecodeTime > REACH_BACK_S * samples.track.timescale;
    });
  }

  /** From which second of the segment's own timeline on the film is shown; before its first sample is taken. */
  showFrom(seconds: number): void {
    for (const samples of this.#tracks.values()) {
      const { timescale, movieTimescale, delay, mediaStart } = samples.track;
      samples.showFrom = Math.round((seconds - delay / movieTimescale) * timescale) + mediaStart;
    }
  }

  /** Take one fragment, its `moof` of `moofBytes`; MediaError, with nothing taken, where it does not fit. */
  async add(parts: readonly TrackFragment[], moofBytes: number, mdat: Box): Promise<void> {
    if (new Set(parts.map((part) => part.trackId)).size !== parts.length) {
      throw new MediaError("A fragment has a track twice.");
    }
    for (const part of parts) {
      this.#samples(part).check(part);
      for (const run of part.runs) startOf(run, moofBytes, mdat);
    }
    await this.#begin();
    const moofPosition = this.#position - mdat.headerBytes - moofBytes;
    await this.out.write(payloadOf(mdat));
    this.#position += mdat.data.length - mdat.headerBytes;
    for (const part of parts) this.#samples(part).take(part, moofPosition);
  }

  /** Write the index; how long the film lasts, in seconds. */
  async finish(): Promise<number> {
    await this.#begin();
    const begun = [...this.#tracks.values()].filter((samples) => samples.count);
    const starts = begun.map((samples) => samples.start);
    const origin = starts.reduce((least, start) => (isLess(start, least) ? start : least), starts[0] ?? ZERO);
    const duration = begun
      .map((samples) => plus(minus(samples.start, origin), samples.shown))
      .reduce((most, end) => (isLess(most, end) ? end : most), ZERO);
    const mvhd = payloadOf(childOf(insideOf(this.moov, "moov"), "mvhd"));
    const header = fullBox(
      "mvhd", 1, 0, u64(0, 0), u32(MOVIE_TIMESCALE), u64(unitsOf(duration, MOVIE_TIMESCALE)), mvhd.subarray(-MVHD_TAIL_BYTES),
    );
    await this.out.write(box("moov", header, ...begun.map((samples) => trackBox(samples, origin))));
    await this.out.patch(
      FILE_TYPE.length, new Uint8Array([...u32(1), ...ascii("mdat"), ...u64(this.#position - FILE_TYPE.length)]),
    );
    return secondsOf(duration);
  }

  async #begin(): Promise<void> {
    if (this.#isBegun) return;
    this.#isBegun = true;
    await this.out.write(new Uint8Array([...FILE_TYPE, ...new Uint8Array(MEDIA_HEADER_BYTES)]));
  }

  #samples(part: TrackFragment): TrackSamples {
    const samples = this.#tracks.get(part.trackId);
    if (samples === undefined) {
      throw new MediaError(`A fragment belongs to track ${part.trackId}, which is not declared.`);
    }
    return samples;
  }
}

/** The `trak` again, with durations, edits and the table of its samples. */
function trackBox(samples: TrackSamples, origin: Ratio): Bytes {
  const wait = minus(samples.start, origin);
  const children = boxesIn(samples.track.trak);
  const tkhd = payloadOf(childOf(children, "tkhd"));
  const flags = ((tkhd[1] ?? 0) << 16) | ((tkhd[2] ?? 0) << 8) | (tkhd[3] ?? 0);
  const length = unitsOf(plus(wait, samples.shown), MOVIE_TIMESCALE);
  const header = fullBox(
    "tkhd", 1, flags, u64(0, 0), u32(samples.track.trackId, 0), u64(length), tkhd.subarray(-TKHD_TAIL_BYTES),
  );
  const waitUnits = unitsOf(wait, MOVIE_TIMESCALE);
  const edits = wait.over === 0n ? [] : [u64(waitUnits, -1), u32(ONE)];
  const shown = [u64(unitsOf(samples.shown, MOVIE_TIMESCALE), samples.skipped), u32(ONE)];
  const editList = fullBox("elst", 1, 0, u32(edits.length ? 2 : 1), ...edits, ...shown);
  return box("trak", header, box("edts", editList), mediaBox(payloadOf(childOf(children, "mdia")), samples));
}

function mediaBox(mdia: Bytes, samples: TrackSamples): Bytes {
  const children = boxesIn(mdia);
  const mdhd = payloadOf(childOf(children, "mdhd"));
  const header = fullBox(
    "mdhd", 1, 0,
    u64(0, 0), u32(samples.track.timescale), u64(samples.endTime - samples.firstTime), mdhd.subarray(-MDHD_TAIL_BYTES),
  );
  const information = boxesIn(payloadOf(childOf(children, "minf"))).filter((child) => child.kind !== "stbl");
  const minf = box("minf", ...information.map((child) => child.data), samples.table());
  return box("mdia", header, childOf(children, "hdlr").data, minf);
}

/** The last of a kind, as a reader by name would take it. */
function childOf(boxes: readonly Box[], kind: string): Box {
  const found = boxes.findLast((child) => child.kind === kind);
  if (found === undefined) throw new MediaError(`The MP4 has 0 boxes ${kind} where one belongs.`);
  return found;
}
