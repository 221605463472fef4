/**
 * PURE. One track of a journey as MediaSource wants it: no sample before zero, no edit list, no hole where the other
 * track goes on.
 *
 * Why: a browser refuses the priming before time zero, and stands still where only one of picture and sound has a gap. So
 * each track goes to a SourceBuffer of its own, silence stands where sound was not recorded, and the last picture stands
 * where there is none; the timeline says which it is. Source: ISO/IEC 14496-12, 8.8; ISO/IEC 14496-3 (a silent frame).
 */
import { type Bytes, boxesIn, insideOf, joined, only } from "./boxes.ts";
import type { Sample } from "./cut.ts";
import { ascii, box, fullBox, u32, u64 } from "./making.ts";
import { channelsOf, codecOf, type Track } from "./tracks.ts";

const SYNC_FLAGS = 0x02000000; // 8.8.3.1: depends on no other
const NON_SYNC_FLAGS = 0x01010000;
const DEFAULT_BASE_IS_MOOF = 0x20000;
const TRUN_FLAGS = 0x1 | 0x100 | 0x200 | 0x400 | 0x800;
const AAC_FRAME = 1024; // samples
/** Raw AAC-LC frames without a sound, by channels. */
const SILENCE: Readonly<Record<number, Uint8Array>> = {
  1: Uint8Array.of(0x00, 0xc8, 0x00, 0x80, 0x23, 0x80),
  2: Uint8Array.of(0x21, 0x00, 0x49, 0x90, 0x02, 0x19, 0x00, 0x23, 0x80),
};
const MAX_STRETCH_S = 5;

/** A sample at its place on the journey, in the track's timescale. */
interface Placed {
  readonly time: number;
  duration: number;
  readonly compositionOffset: number;
  readonly isSync: boolean;
  readonly data: Uint8Array;
}

export type Kind = "picture" | "sound";

export function kindOf(track: Track): Kind | null {
  return track.handler === "vide" ? "picture" : track.handler === "soun" ? "sound" : null;
}

/** As MediaSource takes it; null where the codec is none that we know. */
export function mimeOf(track: Track): string | null {
  const codec = codecOf(track);
  return codec === null ? null : `${track.handler === "vide" ? "video" : "audio"}/mp4; codecs="${codec}"`;
}

/** An init segment of this track alone, without its edit list. */
export function initOf(moov: Uint8Array, track: Track): Bytes {
  const children = insideOf(moov, "moov");
  const trak = boxesIn(track.trak).filter((child) => child.kind !== "edts");
  const { duration, size, flags } = track.defaults;
  const trex = fullBox("trex", 0, 0, u32(track.trackId, 1, duration, size, flags));
  return joined([
    box("ftyp", ascii("iso5"), u32(512), ascii("iso5iso6mp41")),
    box("moov", only(children, "mvhd").data, box("trak", ...trak.map((child) => child.data)), box("mvex", trex)),
  ]);
}

export class TrackFeed {
  readonly kind: Kind;
  #track: Track;
  #shift = 0; // from media time to the journey's, in the timescale
  #sequence = 0;
  #ready: Placed[] = [];
  #pending: Placed | null = null; // the last picture: how long it lasts is known with the next
  #lastSync: Placed | null = null;
  #end: number | null = null;

  constructor(track: Track) {
    this.kind = track.handler === "vide" ? "picture" : "sound";
    this.#track = track;
  }

  /** A segment begins. `offsetS`: from its own timeline to the journey's. */
  begin(track: Track, offsetS: number): void {
    if (track.timescale !== this.#track.timescale) this.#forget();
    this.#track = track;
    const delayS = track.delay / track.movieTimescale;
    this.#shift = Math.round((offsetS + delayS) * track.timescale) - track.mediaStart;
  }

  /** How far it reaches, in seconds of the journey; null before its first sample. */
  get endS(): number | null {
    return this.#end === null ? null : this.#end / this.#track.timescale;
  }

  /** Take samples; when each picture of them is shown, in seconds of the journey. */
  push(samples: readonly Sample[]): number[] {
    const times: number[] = [];
    for (const sample of samples) {
      const time = sample.decodeTime + this.#shift;
      if (time < 0) continue;
      const { duration, compositionOffset, isSync, data } = sample;
      const placed = { time, duration, compositionOffset, isSync, data };
      if (this.kind === "picture") {
        times.push((time + compositionOffset) / this.#track.timescale);
        this.#takePicture(placed);
      } else {
        if (this.#end !== null && time - this.#end <= MAX_STRETCH_S * this.#track.timescale) this.#fill(time);
        this.#ready.push(placed);
      }
      this.#end = time + duration;
    }
    return times;
  }

  /** The other track has gone on to `untilS`: silence, or the last key frame again, up to there. */
  catchUp(untilS: number): void {
    const until = Math.floor(untilS * this.#track.timescale);
    if (this.#end === null) return;
    if (this.kind === "sound") {
      this.#fill(until);
    } else if (this.#pending !== null && this.#lastSync !== null && until > this.#end) {
      this.#ready.push({ ...this.#pending, duration: Math.max(this.#end - this.#pending.time, 1) });
      this.#pending = { ...this.#lastSync, time: this.#end, duration: until - this.#end };
      this.#end = until;
    }
  }

  /** What is ready, as a fragment; null where there is nothing. `isLast`: nothing comes behind it. */
  take(isLast = false): Bytes | null {
    if (isLast && this.#pending !== null) {
      this.#ready.push(this.#pending);
      this.#pending = null;
    }
    const samples = this.#ready;
    const first = samples[0];
    if (first === undefined) return null;
    this.#ready = [];
    const groups: Placed[][] = [[first]];
    samples.slice(1).forEach((sample, index) => {
      const before = samples[index];
      const hole = before === undefined ? 0 : sample.time - before.time - before.duration;
      const isOn = hole <= MAX_STRETCH_S * this.#track.timescale && (this.kind === "picture" || hole > -AAC_FRAME / 2);
      if (isOn) groups.at(-1)?.push(sample);
      else groups.push([sample]);
    });
    return joined(groups.map((group) => this.#fragment(group)));
  }

  #forget(): void {
    this.#ready = [];
    this.#pending = this.#lastSync = this.#end = null;
  }

  #takePicture(placed: Placed): void {
    const pending = this.#pending;
    if (pending !== null) {
      const lasts = placed.time - pending.time;
      if (lasts > 0 && lasts <= MAX_STRETCH_S * this.#track.timescale) pending.duration = lasts;
      this.#ready.push(pending);
    }
    this.#pending = placed;
    if (placed.isSync) this.#lastSync = placed;
  }

  #fill(until: number): void {
    const silence = SILENCE[channelsOf(this.#track)];
    if (this.#end === null || silence === undefined) return;
    while (until - this.#end >= AAC_FRAME) {
      this.#ready.push({ time: this.#end, duration: AAC_FRAME, compositionOffset: 0, isSync: true, data: silence });
      this.#end += AAC_FRAME;
    }
  }

  /** One run: it has no holes. */
  #fragment(samples: readonly Placed[]): Bytes {
    const rows = samples.map((sample, index) => {
      const next = samples[index + 1];
      const lasts = next === undefined ? sample.duration : next.time - sample.time;
      const flags = sample.isSync ? SYNC_FLAGS : NON_SYNC_FLAGS;
      return u32(Math.max(lasts, 0), sample.data.length, flags, sample.compositionOffset);
    });
    const build = (offset: number): Bytes =>
      box(
        "moof",
        fullBox("mfhd", 0, 0, u32(++this.#sequence)),
        box(
          "traf",
          fullBox("tfhd", 0, DEFAULT_BASE_IS_MOOF, u32(this.#track.trackId)),
          fullBox("tfdt", 1, 0, u64(samples[0]?.time ?? 0)),
          fullBox("trun", 1, TRUN_FLAGS, u32(samples.length, offset), ...rows),
        ),
      );
    const moof = build(build(0).length + 8);
    return joined([moof, box("mdat", ...samples.map((sample) => sample.data))]);
  }
}
