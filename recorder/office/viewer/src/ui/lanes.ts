/** PURE. What the timeline shows of a journey, as spans of seconds in lanes. */
import type { ClockQuality, Journey, Mark, Segment, SegmentState } from "../model.ts";

export interface Span<T extends string> {
  readonly fromS: number;
  readonly untilS: number;
  readonly is: T;
  readonly text: string;
}

export type Recorded = SegmentState | "gap";

/** Where a segment ends: as its log says, or where the next one begins. */
export function endOf(journey: Journey, segment: Segment): number {
  if (segment.endS !== null) return Math.max(segment.endS, segment.startS);
  const later = journey.segments.filter((one) => one.startS > segment.startS).map((one) => one.startS);
  return Math.min(journey.lengthS, ...later);
}

export function recordedOf(journey: Journey): Span<Recorded>[] {
  return journey.segments.flatMap((segment) => [
    { fromS: segment.startS, untilS: endOf(journey, segment), is: segment.state as Recorded, text: segment.sentence || segment.name },
    ...segment.gaps.map((gap) => ({ fromS: gap.fromS, untilS: gap.untilS, is: "gap" as const, text: gap.text })),
  ]);
}

/** From each consent to the withdrawal that ended it, or to the end. */
export function consentOf(journey: Journey): Span<"consent">[] {
  return between(journey, (mark) => mark.kind === "consent", (mark) => mark.kind === "withdrawn").map((span) => ({ ...span, is: "consent" }));
}

/** A hold keeps the whole journey, past and to come; what came after a release is not kept by it. */
export function holdOf(journey: Journey): Span<"hold">[] {
  if (journey.hold === null) return [];
  return [{ fromS: 0, untilS: journey.lengthS, is: "hold", text: journey.hold.reason }];
}

/** Spans of faults; of a moment, a thin one. */
export function faultsOf(journey: Journey): Span<"fault">[] {
  return journey.marks
    .filter((mark) => mark.kind === "fault")
    .map((mark) => ({ fromS: mark.atS, untilS: mark.untilS ?? mark.atS, is: "fault", text: mark.text }));
}

/** What the clock was worth, from one line of the story to the next. */
export function clockOf(journey: Journey): Span<ClockQuality>[] {
  const spans: { fromS: number; untilS: number; is: ClockQuality; text: string }[] = [];
  for (const moment of journey.story) {
    const is = qualityOf(moment.clock);
    const last = spans.at(-1);
    const atS = Math.min(Math.max(moment.atS, 0), journey.lengthS);
    if (is === null || last?.is === is) continue;
    if (last !== undefined) last.untilS = atS;
    spans.push({ fromS: last === undefined ? 0 : atS, untilS: journey.lengthS, is, text: moment.clock });
  }
  return spans.filter((span) => span.untilS > span.fromS);
}

/** The moments one can go to, in their order. */
export function eventsOf(journey: Journey): Mark[] {
  return journey.marks.filter((mark) => mark.kind !== "copy" && mark.atS >= 0 && mark.atS <= journey.lengthS).toSorted((a, b) => a.atS - b.atS);
}

/** What lies at a second: the segment's state, or `null` where nothing was recorded. */
export function stateAt(journey: Journey, atS: number): SegmentState | null {
  const here = journey.segments.find((segment) => segment.startS <= atS + 0.02 && atS < endOf(journey, segment));
  return here?.state ?? null;
}

export function segmentUnder(journey: Journey, atS: number): Segment | null {
  return journey.segments.find((segment) => segment.startS <= atS + 0.02 && atS < endOf(journey, segment)) ?? null;
}

/** Round seconds for a scale of at most `most` marks. */
export function ticksOf(lengthS: number, most: number): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
  const step = steps.find((one) => lengthS / one <= most) ?? 28800;
  return Array.from({ length: Math.floor(lengthS / step) + 1 }, (_, index) => index * step);
}

function between(journey: Journey, begins: (mark: Mark) => boolean, ends: (mark: Mark) => boolean): { fromS: number; untilS: number; text: string }[] {
  const spans: { fromS: number; untilS: number; text: string }[] = [];
  let open: Mark | null = null;
  for (const mark of journey.marks.toSorted((a, b) => a.atS - b.atS)) {
    if (begins(mark)) open ??= mark;
    if (ends(mark) && open !== null) {
      spans.push({ fromS: Math.max(open.atS, 0), untilS: mark.atS, text: open.text });
      open = null;
    }
  }
  if (open !== null) spans.push({ fromS: Math.max(open.atS, 0), untilS: journey.lengthS, text: open.text });
  return spans;
}

/** The story has the quality in words (`recorder/office/custody.py`), or as the log has it. */
function qualityOf(words: string): ClockQuality | null {
  if (words === "set by the network" || words === "synchronised") return "synchronised";
  if (words === "kept by a clock chip" || words === "rtc") return "rtc";
  return words === "not checked by anything" || words === "unproven" ? "unproven" : null;
}
