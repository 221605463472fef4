/**
 * From decrypted segments into the buffers of a player, from some second of the journey on until it is told to stop.
 *
 * Rules: little is kept: so many seconds, but never more than so many bytes, before and behind what is seen; nothing is
 * read before there is room for it. What cannot be played is said, and what follows it is still played. One loader runs
 * at a time; a stopped one touches nothing any more.
 */
import type { Ended, Plaintext, Segment } from "../model.ts";
import { type Box, BoxSplitter, type Bytes, MediaError } from "./boxes.ts";
import { Buffers } from "./buffers.ts";
import { samplesOf, secondOf } from "./cut.ts";
import { initOf, type Kind, kindOf, mimeOf, TrackFeed } from "./feed.ts";
import { readFragment } from "./fragments.ts";
import { firstOf, type Places } from "./places.ts";
import { readTracks, type Track } from "./tracks.ts";

const AHEAD_S = 25;
const BEHIND_S = 12;
const AHEAD_BYTES = 24 << 20;
const LEAD_IN_S = 8; // how much before the wanted second is kept: for steps back
const LAG_S = 1; // how far one track may lag before its hole is filled
const FILL_TO_S = 0.5; // and up to where: what comes late is not covered
const BATCH_BYTES = 1 << 20;

/** What is played. */
export interface Footage {
  readonly segments: readonly Segment[];
  readonly lengthS: number;
  readonly places: Places;
  plaintext(segment: number): Plaintext;
}

export interface LoaderEvents {
  /** The second that is seen now, and how fast it goes. */
  now(): { readonly atS: number; readonly rate: number };
  /** New buffers: give them to the element, which is to show the second `atS`. */
  attach(buffers: Buffers, atS: number): void;
  /** When pictures are shown, in seconds of the journey. */
  pictures(timesS: readonly number[]): void;
  /** A segment was read to its end, or as far as it can be. */
  ended(segment: Segment, reachedS: number, how: Ended, problems: readonly string[]): void;
}

/** The index of the segment that holds a second, or of the first one after it; -1 where nothing follows. */
export function segmentAt(segments: readonly Segment[], atS: number): number {
  return segments.findIndex((segment, index) => {
    const next = segments.slice(index + 1).find((one) => one.isHere);
    const endS = segment.endS ?? next?.startS ?? Number.POSITIVE_INFINITY;
    return segment.isHere && endS > atS + 0.01;
  });
}

export class Loader {
  #isStopped = false;
  #wake: () => void = () => undefined;
  #feeds = new Map<Kind, TrackFeed>();
  #buffers: Buffers | null = null;
  #appended: { endS: number; bytes: number }[] = [];
  #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | null = null;

  constructor(
    private readonly footage: Footage,
    private readonly events: LoaderEvents,
  ) {}

  /** Stop, and let the decryption go. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
    this.#reader?.cancel().catch(() => undefined); // it is gone either way
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** How far it has come, in seconds of the journey: what lies before and is not buffered is not there. */
  headS = 0;
  isDone = false;

  /** Fill from `fromS` to the end, as there is room, `buffers` while its tracks fit. */
  async run(fromS: number, buffers: Buffers | null): Promise<void> {
    this.#buffers = buffers;
    this.headS = fromS;
    const { segments } = this.footage;
    const first = segmentAt(segments, fromS);
    for (const segment of first < 0 ? [] : segments.slice(first)) {
      if (this.#isStopped) return;
      if (!segment.isHere) continue;
      await this.#segment(segment, fromS);
    }
    if (!this.#isStopped) {
      await this.#append(true);
      this.headS = Number.POSITIVE_INFINITY;
      this.isDone = true;
      this.#buffers?.end();
    }
  }

  async #segment(segment: Segment, fromS: number): Promise<void> {
    const plaintext = this.footage.plaintext(segment.number);
    const reader = plaintext.stream.getReader();
    this.#reader = reader;
    const splitter = new BoxSplitter();
    const taking = new SegmentTaking(segment, fromS);
    try {
      for (;;) {
        await this.#room();
        const { done, value } = await reader.read();
        if (done || this.#isStopped) break;
        for (const box of splitter.push(value)) await this.#take(taking, box);
        plaintext.done(value);
        await this.#append();
      }
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      taking.problems.push(error.message);
    } finally {
      if (this.#isStopped || taking.problems.length) await reader.cancel().catch(() => undefined);
    }
    if (this.#isStopped) return;
    await this.#append();
    this.events.ended(segment, this.headS, await plaintext.ended, taking.problems);
  }

  async #take(taking: SegmentTaking, box: Box): Promise<void> {
    if (box.kind === "moov") {
      taking.moov = box.data.slice();
      taking.tracks = readTracks(taking.moov);
    } else if (box.kind === "moof") {
      taking.moof = box.data.slice();
    } else if (box.kind === "mdat" && taking.moof !== null) {
      const moof = taking.moof;
      taking.moof = null;
      try {
        await this.#fragment(taking, moof, box);
      } catch (error) {
        if (!(error instanceof MediaError)) throw error;
        taking.problems.push(error.message);
      }
    }
  }

  async #fragment(taking: SegmentTaking, moof: Bytes, mdat: Box): Promise<void> {
    const parts = readFragment(moof, taking.tracks).flatMap((part) => {
      const track = taking.tracks.get(part.trackId);
      const kind = track && kindOf(track);
      return track && kind ? [{ track, kind, part }] : [];
    });
    const starts = parts.map(({ track, part }) => secondOf(track, part.baseDecodeTime));
    if (!starts.length || taking.moov === null) return;
    taking.offsetS ??= this.footage.places.offsetOf(taking.segment.startS, firstOf(starts));
    const { offsetS } = taking;
    if (!taking.isKept) {
      const isKey = parts.every(({ kind, part }) => kind === "sound" || part.runs[0]?.sync[0] === true);
      if (!isKey || Math.min(...starts) + offsetS < taking.fromS - LEAD_IN_S) {
        if (!taking.isLastChance(Math.max(...starts) + offsetS)) return;
      }
      taking.isKept = true;
      await this.#declare(taking, offsetS);
    }
    const own = { ...mdat, data: mdat.data.slice() }; // samples wait in their feeds
    const taken = parts.map(({ track, kind, part }) => ({ kind, samples: samplesOf(part, track, moof.length, own) }));
    for (const { kind, samples } of taken) {
      const timesS = this.#feeds.get(kind)?.push(samples) ?? [];
      if (timesS.length) this.events.pictures(timesS);
    }
    this.#catchUp();
    taking.readBytes += mdat.data.length;
    if (taking.readBytes >= BATCH_BYTES) {
      taking.readBytes = 0;
      await this.#append();
      await this.#room();
    }
  }

  /** A segment's tracks: the same buffers where they fit, new ones where they do not. */
  async #declare(taking: SegmentTaking, offsetS: number): Promise<void> {
    if (taking.moov === null) return;
    const tracks = new Map<Kind, Track>();
    for (const track of taking.tracks.values()) {
      const kind = kindOf(track);
      if (kind !== null && mimeOf(track) !== null && !tracks.has(kind)) tracks.set(kind, track);
    }
    const mimes = new Map([...tracks].map(([kind, track]) => [kind, mimeOf(track) ?? ""]));
    const has = this.#buffers?.kinds;
    const isShort = has === undefined || [...tracks.keys()].some((kind) => !has.has(kind));
    if (isShort || [...has].some((kind) => !tracks.has(kind) && !this.#feeds.has(kind))) {
      const isBehind = this.#feeds.size > 0;
      if (isBehind) await this.#played();
      if (this.#isStopped) return;
      this.#feeds.clear();
      this.#appended = [];
      const buffers = new Buffers();
      this.events.attach(buffers, isBehind ? taking.segment.startS : taking.fromS);
      await buffers.open(this.footage.lengthS, mimes);
      if (this.#isStopped) return;
      this.#buffers = buffers;
    } else if (this.#feeds.size && taking.segment.startS - this.headS > LAG_S) {
      await this.#append(true);
    }
    for (const [kind, track] of tracks) {
      const feed = this.#feeds.get(kind) ?? new TrackFeed(track);
      this.#feeds.set(kind, feed);
      feed.begin(track, offsetS);
      if (!this.#isStopped) await this.#buffers?.init(kind, mimeOf(track) ?? "", initOf(taking.moov, track));
    }
  }

  /** Until what is buffered was seen: other buffers take its place. */
  async #played(): Promise<void> {
    await this.#append(true);
    while (!this.#isStopped && this.events.now().atS < this.headS - LAG_S / 2) await this.#pause();
  }

  #catchUp(): void {
    const ends = [...this.#feeds.values()].map((feed) => feed.endS ?? 0);
    const headS = Math.max(0, ...ends);
    for (const feed of this.#feeds.values()) {
      if (headS - (feed.endS ?? headS) > LAG_S) feed.catchUp(headS - FILL_TO_S);
    }
    this.headS = Math.max(this.headS, headS);
  }

  async #append(isLast = false): Promise<void> {
    for (const [kind, feed] of this.#feeds) {
      const data = feed.take(isLast);
      if (data === null || this.#isStopped) continue;
      for (;;) {
        try {
          await this.#buffers?.append(kind, data);
          break;
        } catch (error) {
          if (!(error instanceof DOMException) || error.name !== "QuotaExceededError") throw error;
          await this.#buffers?.remove(Math.max(0, this.events.now().atS - 1));
          await this.#pause();
          if (this.#isStopped) return;
        }
      }
      this.#appended.push({ endS: feed.endS ?? 0, bytes: data.length });
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, 100);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Wait until there is room ahead; let go of what was seen. */
  async #room(): Promise<void> {
    for (;;) {
      const { atS, rate } = this.events.now();
      const keepS = atS - BEHIND_S;
      const old = this.#appended.findIndex((one) => one.endS >= keepS - BEHIND_S);
      if (old > 0 || (old < 0 && this.#appended.length)) {
        this.#appended.splice(0, old < 0 ? this.#appended.length : old);
        if (keepS > 0) await this.#buffers?.remove(keepS);
      }
      const aheadBytes = this.#appended.reduce((sum, one) => sum + (one.endS > atS ? one.bytes : 0), 0);
      if (this.#isStopped || (this.headS - atS < AHEAD_S * Math.max(1, rate) && aheadBytes < AHEAD_BYTES)) return;
      await this.#pause();
    }
  }
}

/** What is known of the segment that is being taken. */
class SegmentTaking {
  moov: Bytes | null = null;
  tracks: ReadonlyMap<number, Track> = new Map();
  moof: Bytes | null = null; // waiting for its mdat
  offsetS: number | null = null;
  isKept = false;
  readBytes = 0;
  readonly problems: string[] = [];

  constructor(
    readonly segment: Segment,
    readonly fromS: number,
  ) {}

  /** Past what was wanted without a key frame: better any picture than none. */
  isLastChance(atS: number): boolean {
    return atS > this.fromS + LEAD_IN_S;
  }
}
