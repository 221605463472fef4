/**
 * What a journey's proven log says, in words for people who were not there (`recorder/office/custody.py`).
 *
 * Rules: a member that is missing or of the wrong type counts as not said; an event of a later recorder is named, never
 * passed over.
 */

import { asInteger, asText, isArray, isObject, type Json, type JsonObject } from "../bundle/json.ts";
import { EXPORT_BEGAN, EXPORTED } from "../bundle/manifest.ts";
import type { MarkKind } from "../model.ts";
import { measuredClocks } from "./clocks.ts";
import type { Entry } from "./entries.ts";
import { tenths } from "./findings.ts";
import * as words from "./words.ts";

type Data = JsonObject;
type Saying = readonly [MarkKind, (data: Data) => string];

const CLOCKS: Readonly<Record<string, string>> = {
  synchronised: "set by the network",
  rtc: "kept by a clock chip",
  unproven: "not checked by anything",
};
const ENDS: ReadonlyMap<string, string> = new Map([
  ["ignition-off", "the key was turned off"],
  ["withdrawn", "a passenger took the agreement back"],
  ["power-cut", "the power failed"],
  ["stop", "the recorder was stopped"],
  ["abandoned", "it was given up before it was recorded"],
  ["found-open", "the recorder found it open at its next start"],
]);
const STEPS: ReadonlyMap<string, string> = new Map([
  ["slow", "the recorder could not keep up with more"],
  ["hot", "the recorder was too hot for more"],
  ["calm", "the recorder could keep up again"],
]);
const BY_SEGMENT: readonly string[] = [
  words.SEGMENT_OPENED,
  words.SEGMENT_SEALED,
  words.SEGMENT_TORN,
  words.HEADER_SEALED,
];
const MEDIA: ReadonlyMap<string, string> = new Map([
  ["video", "picture"],
  ["audio", "sound"],
]);

const SAYINGS: ReadonlyMap<string, Saying> = new Map<string, Saying>([
  [words.JOURNEY_BEGAN, ["began", () => "The journey began."]],
  [words.CONSENT, ["consent", consent]],
  [words.WITHDRAWN, ["withdrawn", () => "A passenger took the agreement back; camera and microphone were closed."]],
  [words.HOLD, ["hold", held]],
  [words.RELEASE, ["release", (data) => `The hold was ended by ${said(data, "who")}: ${said(data, "reason")}.`]],
  [words.JOURNEY_ENDED, ["ended", ended]],
  [words.LOG_TORN, ["log", () => "A power cut tore the last line of the log; it was cut off."]],
  [words.CLOCK_MEASURED, ["clock", (d) => `Before a copy, from all that was known by then: ${measuredClocks(d)}.`]],
  [EXPORT_BEGAN, ["copy", () => "A copy onto a stick began."]],
  [EXPORTED, ["copy", () => "A copy was finished, read back and compared."]],
  ["consent-again", ["consent", () => "Another passenger pressed consent."]],
  ["notice-repeated", ["other", () => "The notice was repeated."]],
  ["run-on", ["run-on", () => "The key was turned off; recording went on for the run-on."]],
  ["resumed", ["other", () => "Recording went on after an interruption."]],
  ["failed", ["fault", (data) => `Recording failed: ${listed(data.get("faults"))}.`]],
  ["fault", ["fault", (data) => `A fault began: ${said(data, "kind")}.`]],
  ["fault-cleared", ["fault", (data) => `The fault was over: ${said(data, "kind")}.`]],
  ["picture", ["picture", picture]],
  ["clock-changed", ["clock", clockChanged]],
]);

/** Whether an entry is part of the story, which leaves out how segments followed each other. */
export function isTold(entry: Entry): boolean {
  return !BY_SEGMENT.includes(entry.event);
}

/** What kind of thing an entry tells, and in which words. */
export function told(entry: Entry): { readonly kind: MarkKind; readonly text: string } {
  const saying = SAYINGS.get(entry.event);
  if (saying === undefined) return { kind: "other", text: `The recorder noted “${entry.event}”.` };
  return { kind: saying[0], text: saying[1](entry.data) };
}

/** What the time of an entry was worth. */
export function clockWords(clock: string): string {
  return CLOCKS[clock] ?? clock;
}

/** The gaps that a segment's entry names, by CLOCK_BOOTTIME. */
export function gapsIn(data: Data | undefined): readonly { medium: string; fromNs: bigint; untilNs: bigint; text: string }[] {
  const gaps = data?.get("gaps");
  return (isArray(gaps) ? gaps : []).flatMap((gap) => {
    const [fromNs, untilNs] = isObject(gap) ? [asInteger(gap.get("from_ns")), asInteger(gap.get("until_ns"))] : [];
    if (!isObject(gap) || fromNs === null || fromNs === undefined || untilNs === null || untilNs === undefined) return [];
    const name = asText(gap.get("medium"));
    const medium = MEDIA.get(name) ?? name;
    return [{ medium, fromNs, untilNs, text: `no ${medium} for ${tenths(Number(untilNs - fromNs) / 1e9)} s` }];
  });
}

function consent(data: Data): string {
  const finished = data.get("notice_finished") ?? null;
  const not = isTrue(finished) ? "" : "not ";
  const notice = finished === null ? "" : ` The notice had ${not}been played to its end.`;
  return `A passenger pressed consent.${notice}`;
}

function ended(data: Data): string {
  const reason = said(data, "reason");
  return `The journey ended: ${ENDS.get(reason) ?? (reason === "" ? "the log does not say why" : reason)}.`;
}

function held(data: Data): string {
  const lacks = data.get("deleted");
  const gone = isArray(lacks) && lacks.length > 0 ? ` ${lacks.length} segments had been deleted before.` : "";
  return `It was held by ${said(data, "who")}: ${said(data, "reason")}.${gone}`;
}

function clockChanged(data: Data): string {
  const stepS = data.get("step_s");
  const isNumber = typeof stepS === "number" || typeof stepS === "bigint";
  const seconds = isNumber ? Number(stepS) : 0;
  const step = isNumber ? ` by ${seconds < 0 ? "" : "+"}${tenths(seconds)} s` : "";
  const quality = CLOCKS[said(data, "quality")] ?? "of unknown quality";
  return `The recorder's clock was set${step}; it is ${quality} now.`;
}

function picture(data: Data): string {
  const why = STEPS.get(said(data, "reason")) ?? "the log does not say why";
  const [width, height, fps] = ["width", "height", "fps"].map((name) => asText(data.get(name)));
  return `From here on the picture had ${width} by ${height} dots, ${fps} frames a second: ${why}.`;
}

function listed(names: Json | undefined): string {
  return isArray(names) && names.length > 0 ? names.map(asText).join(", ") : "no fault was named";
}

function said(data: Data, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value : "";
}

/** As Python takes a value for true. */
function isTrue(value: Json): boolean {
  if (isArray(value)) return value.length > 0;
  return isObject(value) ? value.size > 0 : Boolean(value);
}
