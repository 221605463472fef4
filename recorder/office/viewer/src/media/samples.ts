/**
 * PURE. What is known of the samples of one track while a movie is written, and the `stbl` box that says it.
 *
 * Rules: times are in the track's timescale and count from the journey's beginning; a number that would not fit its box
 * is refused when the sample comes, so that the index can always be written. Source: ISO/IEC 14496-12, 8.5 to 8.7.
 */
import { type Bytes, MediaError } from "./boxes.ts";
import { durationOf, sampleCountOf, type TrackFragment } from "./fragments.ts";
import { box, fullBox, u32, u32List, u64List } from "./making.ts";
import { plus, type Ratio, ratio } from "./ratio.ts";
import type { Track } from "./tracks.ts";

const MAX_DURATION = 2 ** 32 - 1; // of one sample, in stts; half a day at 90 kHz
const MAX_TIME = 2 ** 40;

/** How often, and what. */
type RunLength = [count: number, value: number];

export class TrackSamples {
  firstTime = 0;
  endTime = 0;
  /** Media before this is there for the decoder only and not shown: the beginning of a clip. Media time. */
  showFrom = Number.NEGATIVE_INFINITY;
  readonly #sizes: number[] = [];
  readonly #syncNumbers: number[] = []; // counted from 1
  readonly #chunkOffsets: number[] = [];
  readonly #chunkLengths: number[] = []; // in samples
  readonly #durations: RunLength[] = [];
  readonly #compositions: RunLength[] = [];

  constructor(readonly track: Track) {}

  get count(): number {
    return this.#sizes.length;
  }

  /** Media before what is shown first: the priming of an audio encoder, or what a clip's first picture is made of. */
  get skipped(): number {
    return Math.max(this.firstTime, this.track.mediaStart, this.showFrom) - this.firstTime;
  }

  /** When the first sample shown is shown. */
  get start(): Ratio {
    const shown = this.firstTime + this.skipped - this.track.mediaStart;
    return plus(ratio(shown, this.track.timescale), ratio(this.track.delay, this.track.movieTimescale));
  }

  /** How long what is shown lasts, gaps included. */
  get shown(): Ratio {
    return ratio(Math.max(this.endTime - this.firstTime - this.skipped, 0), this.track.timescale);
  }

  /** MediaError where `part` cannot follow what was taken. */
  check(part: TrackFragment): void {
    if (!(Math.abs(part.baseDecodeTime) < MAX_TIME)) {
      throw new MediaError("A fragment lies at a time that no journey reaches.");
    }
    const last = this.count ? this.#lastDuration(part.baseDecodeTime) : 0;
    if (last < 0 || last > MAX_DURATION) throw new MediaError("A fragment does not lie after the one before it.");
  }

  /** Enter the samples of a checked `part`, whose `moof` would begin at byte `moofPosition`. */
  take(part: TrackFragment, moofPosition: number): void {
    if (!sampleCountOf(part)) return;
    if (this.count) this.#stretchLast(part.baseDecodeTime);
    else this.firstTime = part.baseDecodeTime;
    for (const run of part.runs) {
      run.sync.forEach((isSync, index) => {
        if (isSync) this.#syncNumbers.push(this.count + 1 + index);
      });
      for (const size of run.sizes) this.#sizes.push(size);
      this.#chunkOffsets.push(moofPosition + run.dataOffset);
      this.#chunkLengths.push(run.sizes.length);
      extend(this.#durations, run.durations);
      extend(this.#compositions, run.compositionOffsets);
    }
    this.endTime = part.baseDecodeTime + durationOf(part);
  }

  /** The `stbl` box. */
  table(): Bytes {
    const boxes = [this.track.description, pairs("stts", 0, this.#durations)];
    if (this.#compositions.some(([, offset]) => offset !== 0)) boxes.push(pairs("ctts", 1, this.#compositions));
    if (this.#syncNumbers.length < this.count) {
      boxes.push(fullBox("stss", 0, 0, u32(this.#syncNumbers.length), u32List(this.#syncNumbers)));
    }
    const chunks = firstOfEachLength(this.#chunkLengths);
    boxes.push(
      fullBox("stsc", 0, 0, u32(chunks.length), u32List(chunks.flat())),
      fullBox("stsz", 0, 0, u32(0, this.count), u32List(this.#sizes)),
      fullBox("co64", 0, 0, u32(this.#chunkOffsets.length), u64List(this.#chunkOffsets)),
    );
    return box("stbl", ...boxes);
  }

  /** How long the last sample lasts when the next begins at `nextTime`. */
  #lastDuration(nextTime: number): number {
    return (this.#durations.at(-1)?.[1] ?? 0) + nextTime - this.endTime;
  }

  #stretchLast(nextTime: number): void {
    const duration = this.#lastDuration(nextTime);
    const last = this.#durations.at(-1);
    if (last !== undefined && --last[0] === 0) this.#durations.pop();
    extend(this.#durations, [duration]);
  }
}

function pairs(kind: string, version: number, rows: readonly RunLength[]): Bytes {
  return fullBox(kind, version, 0, u32(rows.length), u32List(rows.flat()));
}

/** Append `values` to run lengths. */
function extend(runs: RunLength[], values: readonly number[]): void {
  for (const value of values) {
    const last = runs.at(-1);
    if (last?.[1] === value) last[0]++;
    else runs.push([1, value]);
  }
}

/** Where a new number of samples a chunk begins: number of the chunk, samples in it and those after it, 1 (8.7.4). */
function firstOfEachLength(lengths: readonly number[]): [number, number, number][] {
  const found: [number, number, number][] = [];
  lengths.forEach((length, index) => {
    if (found.at(-1)?.[1] !== length) found.push([index + 1, length, 1]);
  });
  return found;
}
