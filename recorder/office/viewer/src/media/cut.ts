/**
 * PURE. Of a fragment the samples that a clip needs, and no byte of the others.
 *
 * A clip begins with the key frame at or before its first mark: its first picture is made of what lies between.
 */
import { type Box, type Bytes, joined, MediaError } from "./boxes.ts";
import { type Run, startOf, type TrackFragment } from "./fragments.ts";
import { box } from "./making.ts";
import { firstOf, type Places } from "./places.ts";
import type { Track } from "./tracks.ts";

/** Seconds of the journey. */
export interface Span {
  readonly fromS: number;
  readonly untilS: number;
}

/** A fragment as it came. */
export interface Fragment {
  readonly parts: readonly TrackFragment[];
  readonly moofBytes: number;
  readonly mdat: Box;
}

/** One sample. Times in the track's timescale; `startS`, `endS`: seconds on the segment's timeline. */
export interface Sample {
  readonly decodeTime: number;
  readonly duration: number;
  readonly compositionOffset: number;
  readonly isSync: boolean;
  readonly data: Bytes;
  readonly startS: number;
  readonly endS: number;
}

const HEADER_BYTES = 8;
const CLOSE_S = 1e-6;

/** Lets through what lies in `span`; waits with what may be needed for its first picture. */
export class Cutter {
  #tracks: ReadonlyMap<number, Track> = new Map();
  #lead: Fragment[] = []; // since the last key frame
  #keyS: number | null = null; // that key frame, in seconds of the segment
  #isLed = false;
  #offsetS: number | null = null;
  #startS = 0;

  constructor(
    private readonly span: Span,
    private readonly places: Places,
  ) {}

  /** A segment begins, `startS` seconds into the journey. */
  begin(tracks: ReadonlyMap<number, Track>, startS: number): void {
    this.#tracks = tracks;
    this.#startS = startS;
    this.#offsetS = null;
    if (!this.#isLed) this.#lead = [];
  }

  /** From which second of the segment's own timeline on the film is shown. */
  get shownFromS(): number {
    return this.span.fromS - (this.#offsetS ?? 0);
  }

  /** The fragments that can be written now, cut. MediaError where the samples are not all there. */
  push(fragment: Fragment): Fragment[] {
    const starts = fragment.parts.flatMap((part) => this.#of(part, (track) => secondOf(track, part.baseDecodeTime)));
    if (!starts.length) return [];
    this.#offsetS ??= this.places.offsetOf(this.#startS, firstOf(starts));
    if (this.#isLed) return this.#cut(fragment);
    const pictures = fragment.parts.flatMap((part) =>
      this.#of(part, (track) => (track.handler === "vide" ? samplesOf(part, track, fragment.moofBytes, fragment.mdat) : [])).flat());
    const key = pictures.findLast((sample) => sample.isSync && sample.startS <= this.shownFromS + CLOSE_S);
    if (key !== undefined) {
      this.#keyS = key.startS;
      this.#lead = [];
    }
    this.#lead.push({ ...fragment, mdat: { ...fragment.mdat, data: fragment.mdat.data.slice() } }); // it waits
    const endS = pictures.at(-1)?.endS ?? Math.max(...starts);
    if (endS <= this.shownFromS + CLOSE_S) return [];
    this.#isLed = true;
    return this.#lead.splice(0).flatMap((one) => this.#cut(one));
  }

  #of<T>(part: TrackFragment, take: (track: Track) => T): T[] {
    const track = this.#tracks.get(part.trackId);
    return track === undefined ? [] : [take(track)];
  }

  #cut({ parts, moofBytes, mdat }: Fragment): Fragment[] {
    const pieces: Uint8Array[] = [];
    const kept: TrackFragment[] = [];
    const fromS = this.shownFromS;
    const untilS = this.span.untilS - (this.#offsetS ?? 0);
    let position = HEADER_BYTES;
    for (const part of parts) {
      const track = this.#tracks.get(part.trackId);
      if (track === undefined) throw new MediaError(`A fragment belongs to track ${part.trackId}, which is not declared.`);
      const sinceS = track.handler === "vide" ? (this.#keyS ?? fromS) : fromS;
      const samples = samplesOf(part, track, moofBytes, mdat).filter(
        (sample) => sample.endS > sinceS + CLOSE_S && sample.startS < untilS - CLOSE_S,
      );
      if (!samples.length) continue;
      const run: Run = {
        dataOffset: position,
        durations: samples.map(({ duration }) => duration),
        sizes: samples.map(({ data }) => data.length),
        sync: samples.map(({ isSync }) => isSync),
        compositionOffsets: samples.map(({ compositionOffset }) => compositionOffset),
      };
      kept.push({ trackId: part.trackId, baseDecodeTime: samples[0]?.decodeTime ?? 0, runs: [run] });
      for (const { data } of samples) {
        pieces.push(data);
        position += data.length;
      }
    }
    if (!kept.length) return [];
    return [{ parts: kept, moofBytes: 0, mdat: { kind: "mdat", data: box("mdat", joined(pieces)), headerBytes: HEADER_BYTES } }];
  }
}

/** The samples of a fragment's track, their bytes checked against the `mdat`. MediaError. */
export function samplesOf(part: TrackFragment, track: Track, moofBytes: number, mdat: Box): Sample[] {
  const samples: Sample[] = [];
  let time = part.baseDecodeTime;
  for (const run of part.runs) {
    let start = startOf(run, moofBytes, mdat);
    run.sizes.forEach((size, index) => {
      const duration = run.durations[index] ?? 0;
      const compositionOffset = run.compositionOffsets[index] ?? 0;
      const startS = secondOf(track, time + compositionOffset);
      samples.push({
        decodeTime: time,
        duration,
        compositionOffset,
        isSync: run.sync[index] ?? false,
        data: mdat.data.subarray(start, start + size),
        startS,
        endS: startS + duration / track.timescale,
      });
      start += size;
      time += duration;
    });
  }
  return samples;
}

/** Where a media time of a track lies on the segment's timeline, in seconds. */
export function secondOf(track: Track, mediaTime: number): number {
  return (mediaTime - track.mediaStart) / track.timescale + track.delay / track.movieTimescale;
}
