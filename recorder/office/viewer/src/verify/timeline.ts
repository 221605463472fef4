/**
 * A journey on its own timeline: segments, gaps, and what happened, in seconds from the first frame on.
 *
 * Rules: within a boot CLOCK_BOOTTIME tells how far apart things were, whatever the wall clock did; from boot to boot
 * the wall clock does, but nothing ever goes back; what was written long after the journey is in the story only.
 */

import type { JourneyFolder } from "../bundle/contents.ts";
import { segmentsOf } from "../bundle/contents.ts";
import { segmentName } from "../bundle/manifest.ts";
import { NONCE_BYTES, plaintextBytes } from "../crypto/age.ts";
import type { ClockQuality, Gap, Mark, Moment, Segment, SegmentState } from "../model.ts";
import type { Entry } from "./entries.ts";
import { type Instant, isoUtc, Logbook, msOfInstant } from "./logbook.ts";
import type { JourneyLogs } from "./logs.ts";
import { deletedSegments } from "./logs.ts";
import { clockWords, gapsIn, isTold, told } from "./story.ts";
import * as words from "./words.ts";

const S_BETWEEN_BOOTS = 1;
const USUAL_SEGMENT_S = 60; // only where nothing says how long one was
const USUAL_HEADER_BYTES = 168; // for one recipient
const LONGEST_S = 10 * 366 * 86_400; // beyond, a time is not believed
const AFTERWARDS: readonly string[] = [words.CLOCK_MEASURED, "export-began", "exported", words.HEADER_SEALED];
/** Of these a mark is worth having also where it came later: at the end. */
const CLAMPED: readonly string[] = [words.HOLD, words.RELEASE, words.LOG_TORN];

/** As the log has it, as people say it (`recorder/office/open.py`). */
const ENDED_BY: ReadonlyMap<string, string> = new Map([
  ["power-loss", "a power cut"],
  ["crash", "a crash of the recorder"],
]);

export interface Timeline {
  readonly zeroUtcMs: number | null;
  readonly clockQuality: ClockQuality | null;
  readonly lengthS: number;
  readonly segments: readonly Segment[];
  readonly marks: readonly Mark[];
  readonly story: readonly Moment[];
}

/** All that is known of a journey; of one without logs its files alone. */
export function timelineOf(folder: JourneyFolder, logs: JourneyLogs | null): Timeline {
  const log = new Logbook(logs?.entries ?? []);
  const scale = new Scale(log);
  const segments = segmentsOn(scale, log, folder, logs);
  const gaps = segments.flatMap((segment) => segment.gaps.map(markOfGap));
  const happened = log.entries.filter((entry) => isTold(entry) && !AFTERWARDS.includes(entry.event));
  const living = happened.filter(({ event }) => !CLAMPED.includes(event)).map((entry) => scale.of(log.momentOf(entry)));
  const bytesPerS = rateOf(segments);
  const lengthS = Math.max(0, ...segments.map((segment) => endOf(segment, bytesPerS)), ...living);
  const marks = [...gaps, ...marksOf(happened, log, scale, lengthS)].sort((one, other) => one.atS - other.atS);
  const story = log.entries.filter(isTold).map((entry) => {
    return { atS: scale.of(log.momentOf(entry)), at: entry.utc, clock: clockWords(entry.clock), ...told(entry) };
  });
  const { zero } = scale;
  const zeroUtcMs = zero === null ? null : msOfInstant(zero);
  return { zeroUtcMs, clockQuality: zero?.quality ?? null, lengthS, segments, marks, story };
}

/** From instants to seconds: boot by boot, each where the wall clock puts it, but behind the one before. */
class Scale {
  readonly zero: Instant | null;
  private readonly shifts = new Map<string, number>();

  constructor(log: Logbook) {
    const frames = [...log.opened.keys()].map((number) => log.firstOf(number)).filter((instant) => instant !== null);
    const first = frames.reduce<Instant | null>((least, one) => {
      return least === null || (one.bootId === least.bootId && one.utcNs < least.utcNs) ? one : least;
    }, null);
    this.zero = first ?? log.first;
    let reachedS = 0;
    for (const entry of log.entries) {
      const instant = AFTERWARDS.includes(entry.event) ? null : log.momentOf(entry);
      if (instant === null) continue;
      if (!this.shifts.has(instant.bootId)) {
        const rawS = this.raw(instant);
        const isFirst = this.shifts.size === 0 || instant.bootId === this.zero?.bootId;
        const shiftS = isFirst || rawS >= reachedS ? 0 : reachedS + S_BETWEEN_BOOTS - rawS;
        this.shifts.set(instant.bootId, shiftS);
      }
      reachedS = Math.max(reachedS, this.of(instant));
    }
  }

  of(instant: Instant | null): number {
    return instant === null ? 0 : this.raw(instant) + (this.shifts.get(instant.bootId) ?? 0);
  }

  private raw(instant: Instant): number {
    const seconds = Number(instant.utcNs - (this.zero?.utcNs ?? instant.utcNs)) / 1e9;
    return Math.max(-LONGEST_S, Math.min(LONGEST_S, seconds));
  }
}

function segmentsOn(scale: Scale, log: Logbook, folder: JourneyFolder, logs: JourneyLogs | null): readonly Segment[] {
  const here = new Map(segmentsOf(folder).map(([number, name]) => [BigInt(number), name]));
  const gone = logs?.journey == null ? new Map<bigint, string>() : deletedSegments(logs.ledger, logs.journey);
  const numbers = [...new Set([...here.keys(), ...log.opened.keys()])].sort((one, other) => (one < other ? -1 : 1));
  const segments: Segment[] = [];
  let reachedS = 0;
  for (const number of numbers) {
    const name = here.get(number) ?? segmentName(number);
    const facts = logs?.segments.get(number);
    const file = folder.files.get(name);
    if (file === undefined && facts?.bodyBytes === 0n) continue; // it was opened and nothing came of it
    const [opened, end] = [log.opened.get(number), log.sealed.get(number) ?? log.torn.get(number)];
    const isPlaced = opened !== undefined;
    const startS = isPlaced ? scale.of(log.firstOf(number)) : reachedS;
    const last = log.lastOf(number);
    const endS = last === null ? null : Math.max(startS, scale.of(last));
    reachedS = Math.max(reachedS, endS ?? startS + USUAL_SEGMENT_S);
    const sizeBytes = file?.size ?? 0;
    const isSizeKnown = facts?.bodyBytes != null && facts.bodyBytes < BigInt(sizeBytes);
    const headerBytes = isSizeKnown ? sizeBytes - Number(facts.bodyBytes) : USUAL_HEADER_BYTES;
    segments.push({
      number: Number(number),
      name,
      ...stateOf(number, logs, file !== undefined, gone, log),
      isHere: file !== undefined,
      sizeBytes,
      plaintextBytes: plaintextBytes(sizeBytes, headerBytes + NONCE_BYTES),
      startS,
      isPlaced,
      endS,
      began: isPlaced ? isoUtc(log.firstOf(number)) : "",
      ended: isoUtc(last),
      sha256: facts?.bodySha256 ?? "",
      gaps: end === undefined ? [] : gapsOn(end, log, scale),
    });
  }
  return segments;
}

function stateOf(
  number: bigint,
  logs: JourneyLogs | null,
  isHere: boolean,
  gone: ReadonlyMap<bigint, string>,
  log: Logbook,
): { readonly state: SegmentState; readonly sentence: string } {
  const facts = logs?.segments.get(number);
  if (!isHere) {
    if (gone.has(number)) {
      return state("deleted", "It is not here: the recorder had deleted it before, and its ledger says why.");
    }
    return facts?.bodySha256 == null
      ? state("still-recording", "It is not here: it was still being recorded; export again for it.")
      : state("missing", "It is missing, though the recorder's log knows it.");
  }
  if (facts === undefined) {
    return logs?.isWhole === true ? state("unknown", "It is not known to the recorder's log.") : state("unchecked", "");
  }
  if (log.torn.has(number) && !log.sealed.has(number)) {
    const what = ENDED_BY.get(facts.endedBy) ?? facts.endedBy;
    return state("torn", `It was ended by ${what === "" ? "an interruption" : what}; it plays up to then.`);
  }
  return state("unchecked", "");
}

function state(name: SegmentState, sentence: string): { readonly state: SegmentState; readonly sentence: string } {
  return { state: name, sentence };
}

function gapsOn(end: Entry, log: Logbook, scale: Scale): readonly Gap[] {
  return gapsIn(end.data).map(({ medium, fromNs, untilNs, text }) => {
    const fromS = scale.of(log.moment(end, fromNs));
    const untilS = Math.max(fromS, scale.of(log.moment(end, untilNs)));
    return { medium: medium === "picture" || medium === "sound" ? medium : "other", fromS, untilS, text };
  });
}

function markOfGap({ fromS, untilS, text }: Gap): Mark {
  return { atS: fromS, untilS, kind: "gap", text };
}

/** A fault lasts until it is cleared, or to the end. */
function marksOf(happened: readonly Entry[], log: Logbook, scale: Scale, lengthS: number): readonly Mark[] {
  return happened.flatMap((entry, index): Mark[] => {
    if (entry.event === "fault-cleared") return [];
    const atS = Math.max(0, Math.min(lengthS, scale.of(log.momentOf(entry))));
    if (entry.event !== "fault") return [{ atS, untilS: null, ...told(entry) }];
    const kind = entry.data.get("kind");
    const cleared = happened.slice(index).find(({ event, data }) => event === "fault-cleared" && data.get("kind") === kind);
    const untilS = cleared === undefined ? lengthS : Math.min(lengthS, scale.of(log.momentOf(cleared)));
    return [{ atS, untilS: Math.max(atS, untilS), ...told(entry) }];
  });
}

/** Of a segment that was cut off as long as its size says, by what the others have in a second. */
function endOf({ startS, endS, sizeBytes }: Segment, bytesPerS: number): number {
  return endS ?? startS + (bytesPerS > 0 ? sizeBytes / bytesPerS : 0);
}

function rateOf(segments: readonly Segment[]): number {
  const known = segments.filter(({ endS, isHere }) => isHere && endS !== null);
  const seconds = known.reduce((sum, { startS, endS }) => sum + (endS ?? startS) - startS, 0);
  return seconds > 0 ? known.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / seconds : 0;
}
