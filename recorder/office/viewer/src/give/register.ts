/**
 * A line for the register: who was given what, when, why, and what recorders were ordered to do
 * (`recorder/office/register.py`).
 *
 * It is a log like those of a recorder, each line signed by the office's authority key. A page cannot append to the
 * user's file, so the whole new text is given out. Rules: all of the old is proven first, and kept byte for byte; what
 * is not as it was written is a refusal, never written on.
 */

import type { Json, JsonObject } from "../bundle/json.ts";
import { decodeUtf8, toBase64, utf8 } from "../crypto/bytes.ts";
import { Refusal, type RegisterEntry, type RegisterRequest } from "../model.ts";
import { completeLines, type Entry, GENESIS, lineHash, signedLine } from "../verify/entries.ts";
import { PublicKey } from "../verify/key.ts";
import { verifyLog } from "../verify/logcheck.ts";
import { readAuthority, type Signer } from "./authority.ts";

const DISCLOSED = "disclosed";
const NS_PER_MS = 1e6;
/** The register with one line more. `nowMs`: since 1970. Throws Refusal. */
export async function withEntry(request: RegisterRequest, nowMs: number): Promise<RegisterEntry> {
  const { to, reference, reason } = request;
  const missing = Object.entries({ to, reference, reason }).flatMap(([name, text]) => (text.trim() === "" ? [name] : []));
  if (missing.length > 0) {
    throw new Refusal("incomplete", `The register needs to know ${missing.join(", ")}; nothing was entered.`);
  }
  return appended(request.register, await readAuthority(request.authority), DISCLOSED, dataOf(request), nowMs);
}

/** The register `text` (null where there is none yet) with an entry more. Throws Refusal. */
export function appended(
  text: string | null,
  signer: Signer,
  event: string,
  data: JsonObject,
  nowMs: number,
): RegisterEntry {
  const old = utf8(text ?? "");
  const { wrong, entries } = verifyLog(old, PublicKey.of(signer.publicKey));
  if (wrong !== null || decodeUtf8(old) !== (text ?? "")) {
    const what = wrong ?? "is no text.";
    throw new Refusal("register-wrong", `register.jsonl ${what} Restore it from a copy; nothing was entered.`);
  }
  const last = entries.at(-1);
  const lines = completeLines(old)[0];
  const lastLine = lines.at(-1);
  const entry: Omit<Entry, "sig"> = {
    seq: (last?.seq ?? 0n) + 1n,
    utc: new Date(nowMs).toISOString(),
    clock: "unproven", // nobody vouches for a page's clock, and there is no boot to name
    bootId: crypto.randomUUID(),
    boottimeNs: BigInt(Math.round(performance.now() * NS_PER_MS)),
    event,
    data,
    prev: lastLine === undefined ? GENESIS : lineHash(lastLine),
  };
  const line = signedLine(entry, (unsigned) => toBase64(signer.sign(unsigned)));
  return { number: Number(entry.seq), text: `${text ?? ""}${line}\n` };
}

function dataOf({ to, reference, reason, journeys, verdict, files }: RegisterRequest): JsonObject {
  const members: [string, Json][] = [
    ["to", whole(to)],
    ["reference", whole(reference)],
    ["reason", whole(reason)],
    ["journeys", journeys.map(whole)],
    ["verdict", verdict],
    ["files", new Map(Object.entries(files).map(([name, sha256]) => [whole(name), sha256]))],
  ];
  return new Map(members);
}

/** Half of a pair, typed or from a file's name, becomes a question mark, as on the command line. */
export function whole(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "?");
}
