/**
 * The recorder's own words: its logs decrypted, proven line by line, and what they say each segment must be
 * (`recorder/office/logs.py`).
 *
 * Rules: what follows the first wrong line is not believed; a number from a log is a fact only where it has the type
 * that the recorder writes.
 */

import { asInteger, asText, isArray, isObject, type Json } from "../bundle/json.ts";
import { isPlain, type JourneyFolder } from "../bundle/contents.ts";
import { EXPORT_BEGAN, LEDGER_NAME, LOG_NAME } from "../bundle/manifest.ts";
import { shown } from "../bundle/text.ts";
import { AgeError, BundleError, decrypted, type Identity } from "../crypto/age.ts";
import { type Bytes, utf8 } from "../crypto/bytes.ts";
import { completeLines, type Entry, parseLine } from "./entries.ts";
import { type Found, wrong } from "./findings.ts";
import type { PublicKey } from "./key.ts";
import { Logbook } from "./logbook.ts";
import { type Chain, type Known, type LogCheck, verifyLog } from "./logcheck.ts";
import * as words from "./words.ts";

const MAX_LOG_BYTES = 1 << 26; // some years of entries; the command line takes more, and has the memory
const EMPTY = new Uint8Array();

/** What the signed log says of a segment. `bodySha256`: null where its end is not in the log. */
export interface SegmentFacts {
  readonly headerSha256: string | null;
  readonly bodySha256: string | null;
  readonly bodyBytes: bigint | null;
  readonly endedBy: string;
}

/** A copy of a recorder's ledger, proven to its end. `utc`: of its last line. */
export interface LedgerCopy {
  readonly chain: Chain;
  readonly utc: string;
}

/**
 * Both logs of a journey, as far as they are proven. `journey`: its id, null where neither tells it. `text`: its log as
 * it is. `ledger`: its proven entries, and those that it carries. `copy`: all of it, null where that is not proven.
 */
export interface JourneyLogs {
  readonly journey: string | null;
  readonly text: Bytes | null;
  readonly entries: readonly Entry[];
  readonly isWhole: boolean;
  readonly segments: ReadonlyMap<bigint, SegmentFacts>;
  readonly ledger: readonly Entry[];
  readonly copy: LedgerCopy | null;
  readonly findings: readonly Found[];
}

/** Decrypt and prove both logs of `folder`, which `key` must have signed. Whatever is wrong is a finding. */
export async function readLogs(
  folder: JourneyFolder,
  key: PublicKey,
  identities: readonly Identity[],
): Promise<JourneyLogs> {
  const findings: Found[] = [];
  const text = await decryptedLog(folder, LOG_NAME, identities, findings);
  const ledgerText = await decryptedLog(folder, LEDGER_NAME, identities, findings);
  const ledgerCheck = verifyLog(ledgerText ?? EMPTY, key, knownOfLedger(text), true);
  const ledger = [...carriedBy(ledgerCheck.entries), ...ledgerCheck.entries];
  const known = knownOfLog(named(text), ledger);
  const check = verifyLog(text ?? EMPTY, key, known);
  const strange = check.entries.length > 0 ? stranger(folder, check, key) : null;
  const entries = strange === null ? check.entries : [];
  const said = strange ?? check.wrong ?? (text?.length === 0 ? "holds nothing." : null);
  if (text !== null && said !== null) findings.push(wrong(folder.name, LOG_NAME, said));
  const isWhole = entries.length > 0 && findings.length === 0;
  if (ledgerText !== null && ledgerCheck.wrong !== null) {
    findings.push(wrong(folder.name, LEDGER_NAME, ledgerCheck.wrong));
  }
  if (isWhole && ledger.length > 0 && known.length === 0) {
    const sentence = "does not know this journey; it is another's ledger, or it was cut.";
    findings.push(wrong(folder.name, LEDGER_NAME, sentence));
  }
  return {
    journey: entries.length > 0 ? named(text) : namedByLedger(folder, ledger),
    text,
    entries,
    isWhole,
    segments: segmentFacts(new Logbook(entries)),
    ledger,
    copy: wholeCopy(ledgerCheck),
    findings,
  };
}

/** The journeys that went onto the stick in the same export as this copy of the ledger. */
export function exportedAlong(ledger: readonly Entry[]): ReadonlySet<string> {
  const newest = ledger.findLast(({ event, data }) => event === EXPORT_BEGAN && isArray(data.get("journeys")));
  const journeys = newest?.data.get("journeys");
  return new Set(isArray(journeys) ? journeys.map(asText) : []);
}

/** The segments of `journey` that tombstones account for, and how well each says that it was erased. */
export function deletedSegments(ledger: readonly Entry[], journey: string): ReadonlyMap<bigint, string> {
  const accounted = ledger.flatMap(({ event, data }) => {
    const deleted = data.get("deleted");
    const isOurs = event === words.TOMBSTONE_DONE && data.get("journey") === journey;
    const numbers = isOurs && isArray(deleted) ? deleted.map(asInteger).filter((number) => number !== null) : [];
    return numbers.map((number): [bigint, string] => [number, asText(data.get("erasure"))]);
  });
  return new Map(accounted);
}

async function decryptedLog(
  folder: JourneyFolder,
  name: string,
  identities: readonly Identity[],
  findings: Found[],
): Promise<Bytes | null> {
  const file = folder.files.get(name);
  if (file === undefined) return null;
  let problem = "is larger than any log.";
  if (file.size <= MAX_LOG_BYTES) {
    try {
      return await decrypted(file, identities);
    } catch (error) {
      if (!(error instanceof AgeError || error instanceof BundleError)) throw error;
      problem = error.message;
    }
  }
  findings.push(wrong(folder.name, name, problem));
  return null;
}

function firstOf(log: Bytes | null): Entry | null {
  const [line] = completeLines(log ?? EMPTY, 1)[0];
  return line === undefined ? null : parseLine(line);
}

/** The end of the ledger when the journey began: its log says it in its first line. */
function knownOfLedger(log: Bytes | null): readonly Known[] {
  const said = firstOf(log)?.data.get("ledger");
  const seq = isObject(said) ? asInteger(said.get("seq")) : null;
  return isObject(said) && seq !== null ? [{ head: asText(said.get("head")), by: "the journey's log", seq }] : [];
}

/** The lines of a journey's log that the ledger names. */
function knownOfLog(journey: string | null, ledger: readonly Entry[]): readonly Known[] {
  return ledger
    .filter(({ data }) => (data.get("journey") ?? null) === journey && data.has("log_head"))
    .map(({ data }) => ({ head: asText(data.get("log_head")), by: "the ledger", seq: null }));
}

/** The journey that a log calls its own in its first line; to be believed once that is proven. */
function named(log: Bytes | null): string | null {
  return plainName(firstOf(log)?.data.get("journey"));
}

/** The journey that the ledger says was exported under this folder's name: all there is where its log is broken. */
function namedByLedger(folder: JourneyFolder, ledger: readonly Entry[]): string | null {
  const last = ledger.findLast((entry) => exportedAs(entry) === folder.name);
  return plainName(last?.data.get("journey"));
}

function plainName(said: Json | undefined): string | null {
  return typeof said === "string" && isPlain(said) ? said : null;
}

/** What says that a log of which something is proven is not that of this folder's journey. */
function stranger(folder: JourneyFolder, check: LogCheck, key: PublicKey): string | null {
  const [first] = check.entries;
  const journey = first?.data.get("journey");
  if (first?.event !== words.JOURNEY_BEGAN || first.data.get("recorder") !== key.text) {
    return "does not begin as this recorder's log of a journey begins.";
  }
  const folders = check.entries.filter((entry) => exportedAs(entry) !== undefined).map(exportedAs);
  if ([journey, ...folders].includes(folder.name) || (check.wrong !== null && folders.length === 0)) return null;
  return `is the log of another journey (${shown(asText(journey))}); folders or logs were exchanged.`;
}

function exportedAs(entry: Entry): Json | undefined {
  return entry.event === EXPORT_BEGAN ? entry.data.get("folder") : undefined;
}

/** What the first of these entries carries of a file that is gone: entries as they were written. */
function carriedBy(entries: readonly Entry[]): readonly Entry[] {
  const [first] = entries;
  const lines = first?.event === words.LEDGER_CONTINUED ? first.data.get("carried") : undefined;
  return isArray(lines) ? lines.map((line) => parseLine(utf8(asText(line)))).filter((entry) => entry !== null) : [];
}

function wholeCopy(check: LogCheck): LedgerCopy | null {
  const last = check.entries.at(-1);
  return last !== undefined && check.wrong === null ? { chain: check.chain, utc: last.utc } : null;
}

function segmentFacts(log: Logbook): ReadonlyMap<bigint, SegmentFacts> {
  return new Map(
    [...log.opened].map(([number, opened]) => {
      const end = (log.sealed.get(number) ?? log.torn.get(number))?.data;
      const facts: SegmentFacts = {
        headerSha256: textOrNull(opened.data.get("header_sha256")),
        bodySha256: textOrNull(end?.get("body_sha256")),
        bodyBytes: asInteger(end?.get("size_bytes")),
        endedBy: textOrNull(end?.get("ended_by")) ?? "",
      };
      return [number, facts];
    }),
  );
}

function textOrNull(value: Json | undefined): string | null {
  return typeof value === "string" ? value : null;
}
