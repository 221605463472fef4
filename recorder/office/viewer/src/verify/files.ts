/**
 * Each file of a journey against what was signed of it: read once, hashed whole and without its header
 * (`recorder/office/bundle.py`).
 */

import type { JourneyFolder } from "../bundle/contents.ts";
import { type FileEntry, type Manifest, MANIFEST_NAME, segmentName, segmentNumber } from "../bundle/manifest.ts";
import { BundleError, blocks } from "../bundle/reading.ts";
import { byCodePoint } from "../bundle/text.ts";
import { AgeError, chunks, endOfChunks, type Identity, NONCE_BYTES, openPayload, readHeader } from "../crypto/age.ts";
import type { Bytes } from "../crypto/bytes.ts";
import { newSha256, sha256Hex } from "../crypto/hashing.ts";
import type { BlobLike } from "../model.ts";
import { type Found, note, wrong } from "./findings.ts";
import { deletedSegments, type JourneyLogs } from "./logs.ts";

const NOTHING = new Uint8Array();
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// The classes of erasure: recorder/vault/README.md.
const ERASED = new Map([
  ["slot", "for good, its key lay in memory that forgets"],
  ["file", "weakly, its key lay in a file, which a laboratory may find on the card"],
  ["unlink", "weakly, its header lay in the clear, which a laboratory may find on the card"],
]);

/** Told what is read, as it is read. Throws to stop. */
export type Reading = (name: string, moreBytes: number) => void;

/** What is wrong with the files of `folder`, the first thing of each. */
export async function checkFiles(
  folder: JourneyFolder,
  signed: Manifest,
  logs: JourneyLogs | null,
  identities: readonly Identity[] | null,
  reading: Reading,
): Promise<readonly Found[]> {
  const names = new Set([...signed.files.keys(), ...folder.files.keys()]);
  names.delete(MANIFEST_NAME);
  const findings: Found[] = [];
  for (const name of [...names].sort(byCodePoint)) {
    const [entry, file] = [signed.files.get(name), folder.files.get(name)];
    let text: string | null;
    if (entry === undefined) text = "is not in the manifest; it was added.";
    else if (file === undefined) text = "is missing.";
    else {
      text = await firstWrong(file, entry, logs, reading);
      if (text !== null && identities !== null) text += await where(file, identities);
    }
    if (text !== null) findings.push(wrong(folder.name, name, text));
  }
  return findings;
}

/** Segments that the log knows and the bundle has not. */
export function missingSegments(folder: JourneyFolder, logs: JourneyLogs): readonly Found[] {
  const deleted = logs.journey === null ? new Map<bigint, string>() : deletedSegments(logs.ledger, logs.journey);
  const findings: Found[] = [];
  for (const [number, facts] of logs.segments) {
    const name = segmentName(number);
    if (folder.files.has(name) || facts.bodyBytes === 0n) continue;
    const erasure = deleted.get(number);
    if (erasure !== undefined) {
      const how = ERASED.get(erasure) ?? "its ledger does not say how well";
      const text = `is not here: the recorder had deleted it before (${how}), and its ledger says why.`;
      findings.push(note(folder.name, name, text));
    } else if (facts.bodySha256 === null) {
      findings.push(note(folder.name, name, "is not here: it was still being recorded; export again for it."));
    } else findings.push(wrong(folder.name, name, "is missing, though the recorder's log knows it."));
  }
  return findings;
}

async function firstWrong(
  file: BlobLike,
  entry: FileEntry,
  logs: JourneyLogs | null,
  reading: Reading,
): Promise<string | null> {
  if (BigInt(file.size) !== entry.sizeBytes) {
    const isShorter = BigInt(file.size) < entry.sizeBytes;
    const lastGood = isShorter ? file.size : entry.sizeBytes;
    const change = isShorter ? "cut off at" : "added to behind";
    return `was ${change} byte ${lastGood}: it has ${file.size} bytes, not ${entry.sizeBytes}.`;
  }
  const number = segmentNumber(entry.name);
  const facts = number === null ? undefined : logs?.segments.get(BigInt(number));
  let header: Bytes = NOTHING;
  let [whole, body] = ["", EMPTY_SHA256];
  try {
    if (facts !== undefined) header = (await readHeader(file)).raw;
    [whole, body] = await hashes(file, entry.name, facts === undefined ? null : header.length, reading);
  } catch (error) {
    if (error instanceof AgeError || error instanceof BundleError) return error.message;
    throw error;
  }
  if (whole !== entry.sha256) return "was altered: its SHA-256 is not the one in the manifest.";
  if (logs === null || number === null) return null;
  return contradiction(logs, BigInt(number), header, BigInt(file.size - header.length), body);
}

/** Of all of it, and of what is behind the header; of that the hash of nothing where nobody asks. */
async function hashes(file: BlobLike, name: string, headerBytes: number | null, reading: Reading): Promise<[string, string]> {
  const [whole, body] = [await newSha256(), await newSha256()];
  let bodyStart = headerBytes ?? 0;
  for await (const block of blocks(file)) {
    reading(name, block.length);
    whole.update(block);
    if (headerBytes === null) continue;
    body.update(block.subarray(bodyStart));
    bodyStart = Math.max(0, bodyStart - block.length);
  }
  return [whole.digest(), body.digest()];
}

/** A further sentence on where a wrong file stops being what was encrypted: its chunks are authentic one by one. */
async function where(file: BlobLike, identities: readonly Identity[]): Promise<string> {
  let count = 0;
  let startBytes = 0;
  try {
    startBytes = (await readHeader(file)).raw.length + NONCE_BYTES;
    for await (const _ of chunks(file, await openPayload(file, identities))) count += 1;
  } catch (error) {
    if (error instanceof BundleError) return ` It ${error.message}`;
    if (!(error instanceof AgeError)) throw error;
    const end = endOfChunks(count, startBytes);
    if (error.kind === "truncated") return ` It is authentic up to its chunk ${count}, which ends at byte ${end}.`;
    if (error.kind !== "damaged") return " It is wrong in its header, from byte 0 on.";
    return ` Chunk ${count + 1}, from byte ${end} on, is the first that is not authentic.`;
  }
  return " Every chunk of it is authentic.";
}

/** What the signed log says against a segment; null where it agrees, or does not know its end yet. */
function contradiction(
  logs: JourneyLogs,
  number: bigint,
  header: Bytes,
  bodyBytes: bigint,
  bodySha256: string,
): string | null {
  const facts = logs.segments.get(number);
  if (facts === undefined) return logs.isWhole ? "is not known to the recorder's log." : null;
  if (facts.headerSha256 !== sha256Hex(header)) {
    return "is another segment than the recorder's log says (its header differs).";
  }
  if (facts.bodySha256 !== null && (facts.bodySha256 !== bodySha256 || facts.bodyBytes !== bodyBytes)) {
    return "is not what the recorder's log says was recorded (its body differs).";
  }
  return null;
}
