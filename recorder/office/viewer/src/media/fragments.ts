/** PURE. What one `moof` says of its samples (ISO/IEC 14496-12, 8.8). */
import { type Box, boxesIn, insideOf, MediaError, only, payloadOf, Reader } from "./boxes.ts";
import { NO_DEFAULTS, type SampleDefaults, type Track } from "./tracks.ts";

/** Consecutive samples of one track, bytes and times. `dataOffset`: from the first byte of the `moof`. */
export interface Run {
  readonly dataOffset: number;
  readonly durations: readonly number[];
  readonly sizes: readonly number[];
  readonly sync: readonly boolean[];
  readonly compositionOffsets: readonly number[];
}

/** What one `moof` holds of one track. `baseDecodeTime` in the track's timescale, below 0 for AAC priming. */
export interface TrackFragment {
  readonly trackId: number;
  readonly baseDecodeTime: number;
  readonly runs: readonly Run[];
}

const MAX_SAMPLES = 1 << 20; // in one run; without per-sample fields a count costs its author four bytes
// 8.8.7 and 8.8.8: flags of tfhd and trun
const TFHD = { baseOffset: 0x1, description: 0x2, duration: 0x8, size: 0x10, flags: 0x20 } as const;
const TRUN = { dataOffset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 } as const;
const NON_SYNC = 0x10000; // 8.8.3.1: sample_is_non_sync_sample

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function durationOf(part: TrackFragment): number {
  return part.runs.reduce((total, run) => total + sum(run.durations), 0);
}

export function sampleCountOf(part: TrackFragment): number {
  return part.runs.reduce((total, run) => total + run.sizes.length, 0);
}

/**
 * What a `moof` box holds, with the defaults of `tracks`. MediaError where offsets do not count from the `moof` (no
 * default-base-is-moof recorder writes such).
 */
export function readFragment(moof: Uint8Array, tracks: ReadonlyMap<number, Track>): TrackFragment[] {
  return insideOf(moof, "moof")
    .filter((box) => box.kind === "traf")
    .map((box) => readTrackFragment(box, tracks));
}

/** The bytes of a run within the `mdat` that follows a `moof` of `moofBytes`; MediaError where it claims others. */
export function startOf(run: Run, moofBytes: number, mdat: Box): number {
  const start = run.dataOffset - moofBytes;
  if (start < mdat.headerBytes || start + sum(run.sizes) > mdat.data.length) {
    throw new MediaError("A fragment claims bytes that it does not have.");
  }
  return start;
}

function readTrackFragment(traf: Box, tracks: ReadonlyMap<number, Track>): TrackFragment {
  const boxes = boxesIn(payloadOf(traf));
  const header = new Reader(payloadOf(only(boxes, "tfhd"))); // 8.8.7
  const flags = header.u32();
  const trackId = header.u32();
  if (flags & TFHD.baseOffset) {
    throw new MediaError("The MP4 counts a fragment's bytes from elsewhere than the fragment.");
  }
  const known = tracks.get(trackId)?.defaults ?? NO_DEFAULTS;
  if (flags & TFHD.description) header.skip(4);
  const defaults = {
    duration: flags & TFHD.duration ? header.u32() : known.duration,
    size: flags & TFHD.size ? header.u32() : known.size,
    flags: flags & TFHD.flags ? header.u32() : known.flags,
  };
  const time = new Reader(payloadOf(only(boxes, "tfdt"))); // 8.8.12
  const version = time.u8();
  time.skip(3);
  // Unsigned by the letter; libavformat writes the priming before time zero in two's complement, and reads it so.
  const baseDecodeTime = version === 1 ? time.i64() : time.u32();
  const runs = boxes.filter((box) => box.kind === "trun").map((box) => readRun(box, defaults));
  return { trackId, baseDecodeTime, runs };
}

/** One `trun` (8.8.8). */
function readRun(trun: Box, defaults: SampleDefaults): Run {
  const reader = new Reader(payloadOf(trun));
  const flags = reader.u32();
  const count = reader.u32();
  if (!(flags & TRUN.dataOffset) || count > MAX_SAMPLES) {
    throw new MediaError("The MP4 has a fragment without the place, or with an absurd number, of its samples.");
  }
  const dataOffset = reader.i32();
  const firstFlags = flags & TRUN.firstFlags ? reader.u32() : null;
  const durations: number[] = [];
  const sizes: number[] = [];
  const sync: boolean[] = [];
  const compositionOffsets: number[] = [];
  for (let index = 0; index < count; index++) {
    durations.push(flags & TRUN.duration ? reader.u32() : defaults.duration);
    sizes.push(flags & TRUN.size ? reader.u32() : defaults.size);
    const own = flags & TRUN.flags ? reader.u32() : defaults.flags;
    sync.push(!((index === 0 && firstFlags !== null ? firstFlags : own) & NON_SYNC));
    // signed in version 1, and small in version 0: two's complement reads both
    compositionOffsets.push(flags & TRUN.composition ? reader.i32() : 0);
  }
  return { dataOffset, durations, sizes, sync, compositionOffsets };
}
