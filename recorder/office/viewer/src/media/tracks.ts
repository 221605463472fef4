/** PURE. The tracks that an init segment declares, and what codecs they need (ISO/IEC 14496-12, 8.3). */
import { type Box, boxesIn, type Bytes, insideOf, latin1, MediaError, only, payloadOf, Reader } from "./boxes.ts";

/** What a sample is where its run does not say (`trex`, 8.8.3). `duration` in the track's timescale. */
export interface SampleDefaults {
  readonly duration: number;
  readonly size: number;
  readonly flags: number;
}

export const NO_DEFAULTS: SampleDefaults = { duration: 0, size: 0, flags: 0 };

/**
 * `handler`: `vide` or `soun`. `timescale`: units a second. `description`: its `stsd` box, equal where the codec
 * parameters are. `mediaStart`: the media time shown first, in `timescale` (edit list). `delay`: how long the movie waits
 * before that, in `movieTimescale`. `trak`: the payload of its box.
 */
export interface Track {
  readonly trackId: number;
  readonly handler: string;
  readonly timescale: number;
  readonly description: Bytes;
  readonly defaults: SampleDefaults;
  readonly movieTimescale: number;
  readonly mediaStart: number;
  readonly delay: number;
  readonly trak: Bytes;
}

/** The tracks declared by a `moov` box, by their id, in their order. MediaError. */
export function readTracks(moov: Uint8Array): Map<number, Track> {
  const boxes = insideOf(moov, "moov");
  const movieTimescale = readTimescale(payloadOf(only(boxes, "mvhd")));
  const defaults = new Map<number, SampleDefaults>();
  for (const mvex of boxes.filter((box) => box.kind === "mvex")) {
    for (const trex of boxesIn(payloadOf(mvex)).filter((box) => box.kind === "trex")) {
      const reader = new Reader(payloadOf(trex)).skip(4);
      const trackId = reader.u32();
      reader.skip(4);
      defaults.set(trackId, { duration: reader.u32(), size: reader.u32(), flags: reader.u32() });
    }
  }
  const tracks = boxes
    .filter((box) => box.kind === "trak")
    .map((box) => readTrack(payloadOf(box), defaults, movieTimescale));
  const byId = new Map(tracks.map((track) => [track.trackId, track]));
  if (byId.size !== tracks.length) throw new MediaError("The MP4 declares a track twice.");
  return byId;
}

/** Whether samples of both can stand in one table. */
export function isSameTrack(one: Track | undefined, other: Track): boolean {
  return (
    one !== undefined &&
    one.handler === other.handler &&
    one.timescale === other.timescale &&
    one.movieTimescale === other.movieTimescale &&
    one.mediaStart === other.mediaStart &&
    one.delay === other.delay &&
    one.defaults.duration === other.defaults.duration &&
    one.defaults.size === other.defaults.size &&
    one.defaults.flags === other.defaults.flags &&
    isEqual(one.description, other.description)
  );
}

export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** As MediaSource takes it (RFC 6381): `avc1.…` of H.264, `mp4a.40.…` of AAC; null for anything else. */
export function codecOf(track: Track): string | null {
  const entry = boxesIn(payloadOf({ kind: "stsd", data: track.description, headerBytes: 16 }))[0];
  if (entry === undefined) return null;
  if (entry.kind === "avc1" || entry.kind === "avc3") {
    const avcC = boxesIn(payloadOf(entry).subarray(78)).find((box) => box.kind === "avcC"); // 12.1.3: a VisualSampleEntry
    const profile = avcC && payloadOf(avcC).subarray(1, 4); // ISO/IEC 14496-15, 5.3.3.1
    if (profile?.length !== 3) return null;
    return `${entry.kind}.${[...profile].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  }
  return entry.kind === "mp4a" ? "mp4a.40.2" : null;
}

/** How many channels a sound track has (12.2.3); 0 where it does not say. */
export function channelsOf(track: Track): number {
  const entry = boxesIn(track.description.subarray(16))[0];
  return entry === undefined ? 0 : (payloadOf(entry)[17] ?? 0);
}

/** Of mvhd (8.2.2) and mdhd (8.4.2), which agree up to here. */
function readTimescale(payload: Uint8Array): number {
  const reader = new Reader(payload);
  const version = reader.u8();
  const timescale = reader.skip(version === 1 ? 19 : 11).u32();
  if (timescale === 0) throw new MediaError("The MP4 has a track or movie with a timescale of zero.");
  return timescale;
}

function readTrack(payload: Bytes, defaults: ReadonlyMap<number, SampleDefaults>, movieTimescale: number): Track {
  const boxes = boxesIn(payload);
  const header = new Reader(payloadOf(only(boxes, "tkhd"))); // 8.3.2
  const trackId = header.u8() === 1 ? header.skip(19).u32() : header.skip(11).u32();
  const media = boxesIn(payloadOf(only(boxes, "mdia")));
  const tables = boxesIn(payloadOf(only(boxesIn(payloadOf(only(media, "minf"))), "stbl")));
  const edits = boxes.find((box) => box.kind === "edts");
  return {
    trackId,
    handler: latin1(payloadOf(only(media, "hdlr")).subarray(8, 12)), // 8.4.3
    timescale: readTimescale(payloadOf(only(media, "mdhd"))),
    description: only(tables, "stsd").data,
    defaults: defaults.get(trackId) ?? NO_DEFAULTS,
    movieTimescale,
    ...(edits === undefined ? { delay: 0, mediaStart: 0 } : readEdits(edits)),
    trak: payload,
  };
}

/** Delay and first media time of an edit list (8.6.6): empty edits, then one that shows media. */
function readEdits(edts: Box): { delay: number; mediaStart: number } {
  const reader = new Reader(payloadOf(only(boxesIn(payloadOf(edts)), "elst")));
  const version = reader.u8();
  const count = reader.skip(3).u32();
  let delay = 0;
  for (let index = 0; index < Math.min(count, 16); index++) { // a recorder writes two at most
    const duration = version === 1 ? reader.i64() : reader.u32();
    const mediaStart = version === 1 ? reader.i64() : reader.i32();
    reader.skip(4);
    if (mediaStart >= 0) return { delay, mediaStart };
    delay += duration;
  }
  return { delay, mediaStart: 0 };
}
