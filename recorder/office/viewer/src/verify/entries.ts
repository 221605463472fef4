/**
 * One line of a log: how it is read, written and hashed (the vault's README, "A log, byte by byte").
 *
 * Rules: an entry that was read proves nothing yet; a line has one spelling, so that nobody can alter it and keep its
 * meaning.
 */

import { isObject, type Json, type JsonObject, parseJson, renderJson, sorted } from "../bundle/json.ts";
import { type Bytes, concat, decodeUtf8, latin1, utf8 } from "../crypto/bytes.ts";
import { sha256Hex } from "../crypto/hashing.ts";
import type { ClockQuality } from "../model.ts";

export const GENESIS = "0".repeat(64);
export const CONTEXT = utf8("cabin-recorder log entry 1\n");
export const SIGNATURE_MARK = ',"sig":"';

const CLOCKS: readonly string[] = ["synchronised", "rtc", "unproven"] satisfies readonly ClockQuality[];
const MEMBERS = 9;

export interface Entry {
  readonly seq: bigint;
  /** ISO 8601 in UTC with milliseconds. */
  readonly utc: string;
  readonly clock: ClockQuality;
  readonly bootId: string;
  readonly boottimeNs: bigint;
  readonly event: string;
  readonly data: JsonObject;
  readonly prev: string;
  readonly sig: string;
}

/** The entry in a line (without its newline); null where it is none. Proves nothing. */
export function parseLine(line: Uint8Array): Entry | null {
  const said = parseJson(decodeUtf8(line) ?? "");
  if (!isObject(said) || said.size !== MEMBERS) return null;
  const { seq, utc, clock, boot_id, boottime_ns, event, data, prev, sig } = Object.fromEntries(said);
  if (typeof seq !== "bigint" || typeof boottime_ns !== "bigint" || !isObject(data)) return null;
  if (typeof utc !== "string" || typeof boot_id !== "string" || typeof event !== "string") return null;
  if (typeof prev !== "string" || typeof sig !== "string" || !isClock(clock) || !isUtc(utc)) return null;
  return { seq, utc, clock, bootId: boot_id, boottimeNs: boottime_ns, event, data, prev, sig };
}

/** As it stands in the log, without its newline. */
export function lineOf(entry: Entry): string {
  return renderJson(new Map([...membersOf(entry), ["sig", entry.sig]]));
}

/** A new line without its newline. `sign`: Ed25519 over what it is given. */
export function signedLine(entry: Omit<Entry, "sig">, sign: (data: Bytes) => string): string {
  const unsigned = renderJson(new Map(membersOf(entry)));
  return `${unsigned.slice(0, -1)}${SIGNATURE_MARK}${sign(concat(CONTEXT, utf8(unsigned)))}"}`;
}

/** The lines that end in a newline, and how many bytes follow the last of them. */
export function completeLines(data: Uint8Array): readonly [readonly Uint8Array[], number] {
  const lines: Uint8Array[] = [];
  let start = 0;
  for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10, start)) {
    lines.push(data.subarray(start, end));
    start = end + 1;
  }
  return [lines, data.length - start];
}

/** SHA-256 (hex) of a line without its newline: what the next line's `prev` is. */
export function lineHash(line: Uint8Array): string {
  return sha256Hex(line);
}

/** What was signed of a line: all before its signature, and the brace. */
export function signedPart(line: Uint8Array): Bytes {
  const mark = latin1(line).lastIndexOf(SIGNATURE_MARK);
  return concat(CONTEXT, line.subarray(0, Math.max(0, mark)), utf8("}"));
}

/** Milliseconds since 1970 of a time as the recorder writes it. */
export function msOf(utc: string): number {
  return Date.parse(utc);
}

function membersOf(entry: Omit<Entry, "sig">): [string, Json][] {
  return [
    ["seq", entry.seq],
    ["utc", entry.utc],
    ["clock", entry.clock],
    ["boot_id", entry.bootId],
    ["boottime_ns", entry.boottimeNs],
    ["event", entry.event],
    ["data", sorted(entry.data)],
    ["prev", entry.prev],
  ];
}

function isClock(value: Json | undefined): value is ClockQuality {
  return typeof value === "string" && CLOCKS.includes(value);
}

function isUtc(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/.test(text) || text.startsWith("0000")) return false;
  const ms = Date.parse(text);
  return !Number.isNaN(ms) && new Date(ms).toISOString() === text;
}
