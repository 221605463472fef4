/**
 * Whom this office knows: recorders by their keys, its own readers, and how far it has seen each ledger
 * (`recorder/office/recorders.py`, `heads.py`).
 *
 * Rules: a recorder is known by its key and never by a name that a stick gives it; what is damaged is a refusal, for
 * it decides what *attested* means.
 */

import { parse as parseToml } from "smol-toml";
import { asInteger, isObject, parseJson, renderJson } from "../bundle/json.ts";
import { vehicleFolder } from "../bundle/manifest.ts";
import { type Bytes, hex } from "../crypto/bytes.ts";
import { recipientBytes } from "../crypto/identity.ts";
import { type KnownTexts, Refusal } from "../model.ts";
import { KeyError, PublicKey } from "./key.ts";
import type { LedgerCopy } from "./logs.ts";

/** A line of a recorder's ledger: its number, its hash, and when it was written. */
export interface SeenHead {
  readonly seq: bigint;
  readonly head: string;
  readonly utc: string;
}

/** `recorders`: names by the texts of keys. `recipients`: hexadecimal; empty where there is no list. */
export class Trust {
  private constructor(
    readonly recorders: ReadonlyMap<string, string>,
    private readonly fingerprints: ReadonlyMap<string, string>,
    readonly recipients: ReadonlySet<string>,
    readonly heads: ReadonlyMap<string, SeenHead>,
  ) {}

  /** Throws Refusal where a text is damaged. */
  static read(known: KnownTexts): Trust {
    const enrolled = known.recorders === undefined ? [] : readRecorders(known.recorders);
    return new Trust(
      new Map(enrolled.map(({ key, name }) => [key.text, name])),
      new Map(enrolled.map(({ key }) => [key.text, key.fingerprint])),
      known.recipients === undefined ? new Set() : readRecipients(known.recipients),
      known.heads === undefined ? new Map() : readHeads(known.heads),
    );
  }

  /** What the recorder with this key is called here; empty where it is not known. */
  nameOf(key: PublicKey): string {
    return this.recorders.get(key.text) ?? "";
  }

  /** The fingerprint of the known recorder of `vehicle` (its folder), where `key` is not known at all. */
  otherKeyOf(vehicle: string, key: PublicKey): string | null {
    if (this.nameOf(key) !== "") return null;
    for (const [text, name] of this.recorders) {
      if (vehicleFolder(name) === vehicle) return this.fingerprints.get(text) ?? null;
    }
    return null;
  }

  /** The text of `ledger-heads.json` with what was `seen`; null where nothing goes beyond what is known. */
  advanced(seen: ReadonlyMap<string, SeenHead>): string | null {
    const ahead = [...seen].filter(([key, head]) => (this.heads.get(key)?.seq ?? -1n) < head.seq);
    if (ahead.length === 0) return null;
    const members = [...new Map([...this.heads, ...ahead])].map(([key, { seq, head, utc }]) => {
      const inside = [`"seq": ${seq}`, `"head": ${renderJson(head)}`, `"utc": ${renderJson(utc)}`];
      return `  ${renderJson(key)}: {\n    ${inside.join(",\n    ")}\n  }`;
    });
    return `{\n${members.join(",\n")}\n}\n`; // as the command line writes it
  }
}

/** What an earlier look at the same ledger says of a `copy`, and whether it is wrong; null where they agree. */
export function against({ chain, utc }: LedgerCopy, seen: SeenHead): { text: string; isWrong: boolean } | null {
  const there = chain.hashOf(seen.seq);
  if (there === seen.head) return null;
  if (there !== null) {
    const text =
      `tells another past than the one this office saw: entry ${seen.seq} is another than then. ` +
      "On the recorder the ledger was put back to an older state and written on.";
    return { text, isWrong: true };
  }
  if (chain.lastSeq >= seen.seq) {
    const text =
      `begins with entry ${chain.firstSeq}, and this office has seen it up to entry ${seen.seq} only: what is ` +
      "between was a year old and removed, so the two could not be compared.";
    return { text, isWrong: false };
  }
  if (utc > seen.utc) {
    const text =
      `ends with entry ${chain.lastSeq}, and this office has seen entry ${seen.seq}, which is older than that: ` +
      "on the recorder the ledger was put back to an older state.";
    return { text, isWrong: true };
  }
  const text =
    `is an older copy (to entry ${chain.lastSeq}) than this office has seen of it (to entry ${seen.seq}); ` +
    "the two could not be compared.";
  return { text, isWrong: false };
}

function refuse(name: string, mend: string): never {
  throw new Refusal("bad-known", `${name} cannot be used; ${mend}`);
}

function readRecorders(text: string): readonly { name: string; key: PublicKey }[] {
  const mend = "restore it from a copy, or enrol again.";
  let said: Record<string, unknown>;
  try {
    said = parseToml(text);
  } catch {
    refuse("recorders.toml", mend);
  }
  const { recorder: list = [], ...others } = said;
  if (!Array.isArray(list) || Object.keys(others).length > 0) refuse("recorders.toml", mend);
  return list.map((one: unknown) => {
    const { name, key: line, fingerprint, enrolled, ...more } = one as Record<string, unknown>;
    const texts = [name, line, fingerprint, enrolled];
    if (!texts.every((each) => typeof each === "string") || Object.keys(more).length > 0) refuse("recorders.toml", mend);
    const key = keyIn(String(line)) ?? refuse("recorders.toml", mend);
    if (key.fingerprint !== fingerprint) {
      const sentence =
        `recorders.toml: the key of ${String(name)} has the fingerprint ${key.fingerprint}, not ${String(fingerprint)}; ` +
        "somebody has changed it. Compare it with the one that the recorder's installation printed.";
      throw new Refusal("bad-known", sentence);
    }
    return { name: String(name), key };
  });
}

function keyIn(text: string): PublicKey | null {
  try {
    return PublicKey.parse(text);
  } catch (error) {
    if (error instanceof KeyError) return null;
    throw error;
  }
}

function readRecipients(text: string): ReadonlySet<string> {
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return new Set(
    lines.map((line) => {
      const bytes: Bytes | null = recipientBytes(line);
      return bytes === null ? refuse("recipient.txt", "copy the age1... lines again.") : hex(bytes);
    }),
  );
}

function readHeads(text: string): ReadonlyMap<string, SeenHead> {
  const mend =
    "restore it from a copy, or move it away: then a ledger that was put back before today is not noticed.";
  const said = parseJson(text);
  if (!isObject(said)) refuse("ledger-heads.json", mend);
  return new Map(
    [...said].map(([key, one]) => {
      if (!isObject(one) || one.size !== 3) refuse("ledger-heads.json", mend);
      const [seq, head, utc] = [asInteger(one.get("seq")), one.get("head"), one.get("utc")];
      if (seq === null || typeof head !== "string" || typeof utc !== "string") refuse("ledger-heads.json", mend);
      return [(keyIn(key) ?? refuse("ledger-heads.json", mend)).text, { seq, head, utc }];
    }),
  );
}
