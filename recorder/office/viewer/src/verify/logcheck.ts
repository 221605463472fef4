/**
 * Is a log what the recorder wrote: all of it, in its order, unaltered? If not: from which byte on, and what is wrong.
 *
 * `recorder/vault/verification.py` in another language, sentence by sentence. Rules: nothing behind the first wrong
 * line is believed; a sentence says what can be known and no more.
 */

import { isArray, isObject, type Json, parseJson, renderJson } from "../bundle/json.ts";
import { equal, fromBase64, latin1, utf8 } from "../crypto/bytes.ts";
import { completeLines, type Entry, GENESIS, lineHash, lineOf, parseLine, signedPart } from "./entries.ts";
import type { PublicKey } from "./key.ts";
import * as words from "./words.ts";

/** A line that somebody else knows to be in a log. `seq`: its number, null where not said. */
export interface Known {
  readonly head: string;
  readonly by: string;
  readonly seq: bigint | null;
}

/** The hashes of a log's lines, one behind the other; `firstSeq`: the number of the first. */
export class Chain {
  constructor(
    readonly firstSeq: bigint,
    readonly hashes: readonly string[],
  ) {}

  /** The number of the last line; one less than the first where there is none. */
  get lastSeq(): bigint {
    return this.firstSeq + BigInt(this.hashes.length) - 1n;
  }

  hashOf(seq: bigint): string | null {
    if (seq < this.firstSeq || seq > this.lastSeq) return null;
    return this.hashes[Number(seq - this.firstSeq)] ?? null;
  }

  /** The first number under which two copies of one log have different lines; null where they agree. */
  partsFrom(other: Chain): bigint | null {
    const last = this.lastSeq < other.lastSeq ? this.lastSeq : other.lastSeq;
    for (let seq = this.firstSeq > other.firstSeq ? this.firstSeq : other.firstSeq; seq <= last; seq += 1n) {
      if (this.hashOf(seq) !== other.hashOf(seq)) return seq;
    }
    return null;
  }
}

/** What was proven of a log. `hashes`: of its lines; in an excerpt also of those that are skipped. */
export interface LogCheck {
  readonly entries: readonly Entry[];
  readonly chain: Chain;
  /** Goes on from the name of the log; null where nothing is wrong. */
  readonly wrong: string | null;
}

/**
 * Check a log, byte for byte as it lies in its file. `known`: lines that it must have, in the order in which they were
 * written. `isExcerpt`: lines may be skipped (`recorder/export/README.md`).
 */
export function verifyLog(
  data: Uint8Array,
  key: PublicKey,
  known: readonly Known[] = [],
  isExcerpt = false,
): LogCheck {
  const [lines, restBytes] = completeLines(data);
  const proof = new Proof(lines, key, isExcerpt);
  const chain = new Chain(proof.entries[0]?.seq ?? 1n, [...proof.numbers.keys()]);
  const wrong =
    proof.wrong ??
    missingBeginning(proof.entries) ??
    missingKnown(lines, chain, proof.numbers, known) ??
    (restBytes === 0
      ? null
      : at(lines, lines.length, `is ${restBytes} bytes without an end; it was cut off, or is just being written`));
  return { entries: proof.entries, chain, wrong };
}

/** A clause about the line that is looked at. */
class Objection extends Error {}

/** What is proven, line by line; `numbers`: in which line (from 1) each hash stands. */
class Proof {
  readonly entries: Entry[] = [];
  readonly numbers = new Map<string, number>();
  readonly wrong: string | null = null;
  private seq = 1n;
  private head = GENESIS;

  constructor(
    private readonly lines: readonly Uint8Array[],
    private readonly key: PublicKey,
    private readonly isExcerpt: boolean,
  ) {
    for (const [index, line] of lines.entries()) {
      try {
        const hashes = this.take(line, index + 1);
        for (const hash of hashes) this.numbers.set(hash, index + 1);
      } catch (error) {
        if (!(error instanceof Objection)) throw error;
        this.wrong = at(lines, index, error.message);
        return;
      }
    }
  }

  private take(line: Uint8Array, number: number): readonly string[] {
    const hashes = this.isExcerpt ? skipped(line) : null;
    if (hashes !== null) {
      this.seq += BigInt(hashes.length);
      this.head = hashes.at(-1) ?? "";
      this.requireBetween(number, new Set(hashes.filter((hash) => !this.numbers.has(hash))).size, hashes.length);
      this.requireLedTo(this.lines[number]);
      return hashes;
    }
    const entry = authentic(line, this.key);
    this.requireNext(entry, line, number);
    this.seq = entry.seq + 1n;
    this.head = lineHash(line);
    this.entries.push(entry);
    return [this.head];
  }

  private requireLedTo(line: Uint8Array | undefined): void {
    const behind = line === undefined ? null : parseLine(line);
    if (behind !== null && (behind.seq !== this.seq || behind.prev !== this.head)) {
      throw new Objection("skips other entries than those before the next line; something was altered or removed");
    }
  }

  private requireBetween(number: number, newCount: number, count: number): void {
    const before = this.lines[number - 2];
    const isAtAnEnd = number === 1 || number === this.lines.length;
    if (isAtAnEnd || newCount !== count || before === undefined || skipped(before) !== null) {
      throw new Objection("skips entries where none may be skipped; it was altered");
    }
  }

  private requireNext(entry: Entry, line: Uint8Array, number: number): void {
    if (number === 1 && entry.event === words.LEDGER_CONTINUED) return; // the beginning was removed when it was old
    if (entry.seq === this.seq && entry.prev === this.head) return;
    const twice = this.numbers.get(lineHash(line));
    if (twice !== undefined) {
      throw new Objection(`is entry ${entry.seq} again, which is line ${twice}; it was repeated`);
    }
    const prev = `"prev":"${this.head}"`;
    const moved = this.lines.slice(number).findIndex((later) => latin1(later).includes(prev));
    if (moved >= 0) {
      const there = number + 1 + moved;
      throw new Objection(
        `is entry ${entry.seq}, and entry ${this.seq} is line ${there}; lines were moved or put in`,
      );
    }
    if (entry.seq > this.seq) {
      const last = entry.seq - 1n;
      const missing = last === this.seq ? `entry ${last} is` : `entries ${this.seq} to ${last} are`;
      throw new Objection(`is entry ${entry.seq}, and ${missing} missing; something was removed`);
    }
    throw new Objection(
      `is an entry ${entry.seq} of this recorder that does not follow the line before; it is from another log, ` +
        "or the log was rolled back to an older state and written on",
    );
  }
}

/** The hashes of the lines that `line` stands for; null where it is a line of its own. One run, one spelling. */
function skipped(line: Uint8Array): readonly string[] | null {
  const text = latin1(line);
  if (!text.startsWith('{"skipped":[')) return null;
  const said = parseJson(text);
  const hashes: Json | undefined = isObject(said) ? said.get("skipped") : undefined;
  if (!isArray(hashes) || hashes.length === 0) return null;
  if (!hashes.every((hash) => typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash))) return null;
  return renderJson(new Map([["skipped", hashes]])) === text ? (hashes as readonly string[]) : null;
}

function authentic(line: Uint8Array, key: PublicKey): Entry {
  const entry = parseLine(line);
  if (entry === null) throw new Objection("is not an entry of a log; it was altered or damaged");
  if (!equal(utf8(lineOf(entry)), line)) throw new Objection("is not written as the recorder writes; it was altered");
  const signature = fromBase64(entry.sig);
  if (signature === null) throw new Objection("has a signature that is none; it was altered");
  if (btoa(latin1(signature)) !== entry.sig) {
    throw new Objection("has a signature that the recorder would write otherwise; it was altered");
  }
  if (!key.isSigner(signedPart(line), signature)) {
    throw new Objection(`is not signed by the recorder ${key.fingerprint}; it was altered, or another wrote it`);
  }
  return entry;
}

function at(lines: readonly Uint8Array[], index: number, what: string): string {
  const offsetBytes = lines.slice(0, index).reduce((sum, line) => sum + line.length + 1, 0);
  return `line ${index + 1} (from byte ${offsetBytes} on) ${what}.`;
}

/** A log that does not begin with its first entry must say itself that what was before was old and removed. */
function missingBeginning(entries: readonly Entry[]): string | null {
  const first = entries[0]?.seq ?? 1n;
  if (first === 1n) return null;
  const isSaid = entries.some(({ event, data }) => {
    const last = event === words.LEDGER_DROPPED ? data.get("last") : undefined;
    return typeof last === "bigint" && last >= first - 1n;
  });
  return isSaid ? null : at([], 0, `is entry ${first}, and no entry says that those before were old and removed`);
}

/** The first line that somebody else knows and that is not there, at or before the place where it should be. */
function missingKnown(
  lines: readonly Uint8Array[],
  chain: Chain,
  numbers: ReadonlyMap<string, number>,
  known: readonly Known[],
): string | null {
  let witnessed = 0; // the line up to which all is as the others know it
  for (const one of known) {
    if (one.head === GENESIS || (one.seq !== null && one.seq < chain.firstSeq)) continue;
    const there = numbers.get(one.head);
    if (there !== undefined) {
      witnessed = Math.max(witnessed, there);
      continue;
    }
    const expected = one.seq === null ? null : (numbers.get(chain.hashOf(one.seq) ?? "") ?? lines.length + 1);
    const what =
      `is missing or is not what it was: ${one.by} knows an entry that is not there; ` +
      "the end was cut off, or the log was rolled back to an older state";
    return at(lines, (expected ?? witnessed + 1) - 1, what);
  }
  return null;
}
