/** How far the recorder's clock was off, in a sentence (`recorder/office/clocks.py`). */

import { isArray, isObject, type Json, type JsonObject } from "../bundle/json.ts";
import type { Entry } from "./entries.ts";
import { tenths } from "./findings.ts";
import * as words from "./words.ts";

const BY: ReadonlyMap<string, string> = new Map([
  ["synchronised", "synchronised time"],
  ["rtc", "the clock chip (nothing better ever checked that)"],
]);
const UNKNOWN = "how far its clock was off nobody knows: nothing was there to measure it by";
const RIGHT_S = 1;

/** What the newest measurement in a journey's log says; empty where there is none. */
export function clockSentence(log: readonly Entry[]): string {
  const measured = log.findLast(({ event }) => event === words.CLOCK_MEASURED);
  return measured === undefined ? "" : measuredClocks(measured.data);
}

/** What one measurement says, of each start of the recorder. */
export function measuredClocks(data: JsonObject): string {
  const boots = data.get("boots");
  return isArray(boots) ? [...new Set(boots.map(clause))].join("; ") : "";
}

function clause(boot: Json): string {
  const [by, ahead] = isObject(boot) ? [boot.get("by"), boot.get("ahead_s")] : [];
  const source = typeof by === "string" ? BY.get(by) : undefined;
  if (source === undefined || !isArray(ahead)) return UNKNOWN;
  const [least, most] = ahead.map(asSeconds);
  if (ahead.length !== 2 || least === undefined || least === null || most === undefined || most === null) return UNKNOWN;
  if (Math.max(Math.abs(least), Math.abs(most)) < RIGHT_S) return `its clock was right to within a second, by ${source}`;
  const [first, last] = [off(least), off(most)];
  return `its clock was ${first === last ? first : `between ${first} and ${last}`}, by ${source}`;
}

function asSeconds(value: Json): number | null {
  if (typeof value === "number") return value;
  return typeof value === "bigint" || typeof value === "boolean" ? Number(value) : null;
}

function off(seconds: number): string {
  return `${tenths(Math.abs(seconds))} s ${seconds >= 0 ? "ahead" : "behind"}`;
}
