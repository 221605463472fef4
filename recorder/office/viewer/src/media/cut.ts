/** PURE. Of a fragment the samples that a clip needs, and no byte of the others. */
import { type Box, type Bytes, joined } from "./boxes.ts";
import { type Run, startOf, type TrackFragment } from "./fragments.ts";
import { box } from "./making.ts";
import type { Track } from "./tracks.ts";

/** Seconds of a segment's own timeline. A picture is wanted from the key frame at or before `fromS` on. */
export interface Span {
  readonly fromS: number;
  readonly untilS: number;
  /** The key frame at or before `fromS`. */
  readonly keyS: number;
}

const HEADER_BYTES = 8;

/** The samples of a fragment within `span`, with their bytes alone; null where there is none. MediaError. */
export function cut(
  parts: readonly TrackFragment[],
  moofBytes: number,
  mdat: Box,
  tracks: ReadonlyMap<number, Track>,
  span: Span,
): { parts: TrackFragment[]; mdat: Box } | null {
  const pieces: Uint8Array[] = [];
  const kept: TrackFragment[] = [];
  let position = HEADER_BYTES;
  for (const part of parts) {
    const track = tracks.get(part.trackId);
    if (track === undefined) continue;
    const fromS = track.handler === "vide" ? span.keyS : span.fromS;
    const samples = samplesOf(part, track, moofBytes, mdat).filter((s) => s.endS > fromS + 1e-6 && s.startS < span.untilS - 1e-6);
    if (samples.length === 0) continue;
    const run: Run = {
      dataOffset: position,
      durations: samples.map((s) => s.duration),
      sizes: samples.map((s) => s.data.length),
      sync: samples.map((s) => s.isSync),
      compositionOffsets: samples.map((s) => s.compositionOffset),
    };
    kept.push({ trackId: part.trackId, baseDecodeTime: samples[0]?.decodeTime ?? 0, runs: [run] });
    for (const sample of samples) {
      pieces.push(sample.data);
      position += sample.data.length;
    }
  }
  if (kept.length === 0) return null;
  return { parts: kept, mdat: { kind: "mdat", data: box("mdat", joined(pieces)), headerBytes: HEADER_BYTES } };
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
