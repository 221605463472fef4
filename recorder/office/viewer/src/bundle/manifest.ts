/**
 * What an exported journey consists of: the manifest that the recorder signed (`recorder/manifest.py`).
 *
 * Rules: one JSON object on one line, members and types as the recorder writes them and no others; its last member is
 * the signature over the line without it.
 */

import { type Bytes, concat, decodeUtf8, fromBase64, latin1, toBase64, utf8 } from "../crypto/bytes.ts";
import { isArray, isObject, type Json, parseJson } from "./json.ts";
import { BundleError } from "./reading.ts";
import { beginning, quoted } from "./text.ts";

export const FOLDER = "CABIN-EXPORT";
export const MANIFEST_NAME = "manifest.json";
export const LOG_NAME = "log.jsonl.age";
export const LEDGER_NAME = "ledger.jsonl.age";
export const EXPORT_BEGAN = "export-began";
export const EXPORTED = "exported";
export const MAX_MANIFEST_BYTES = 1 << 24;

const CONTEXT = utf8("cabin-recorder export manifest 1\n");
const FORMATS: readonly string[] = ["cabin-recorder-manifest-2", "cabin-recorder-manifest-1"];
const FILE_NAME = /^(?:[0-9]{5,9}\.mp4|log\.jsonl|ledger\.jsonl)\.age$/;
const SEGMENT_NAME = /^([0-9]{5,9})\.mp4\.age$/;
export const SIGNATURE_MARK = ',"sig":"';
const TEXTS = ["format", "software", "recorder", "vehicle", "journey"] as const;

export interface FileEntry {
  readonly name: string;
  readonly sizeBytes: bigint;
  readonly sha256: string;
}

export interface Manifest {
  readonly format: string;
  readonly recorder: string;
  readonly vehicle: string;
  readonly journey: string;
  readonly files: ReadonlyMap<string, FileEntry>;
}

/** The number of the segment called `name`; null where it is no segment. */
export function segmentNumber(name: string): number | null {
  const match = SEGMENT_NAME.exec(name);
  return match === null ? null : Number(match[1]);
}

/** What segment `number` is called on a stick. */
export function segmentName(number: bigint | number): string {
  const digits = String(number < 0 ? -number : number);
  return `${number < 0 ? "-" : ""}${digits.padStart(number < 0 ? 4 : 5, "0")}.mp4.age`;
}

/** A vehicle's folder: FAT takes no name that ends in a dot or a space. */
export function vehicleFolder(vehicle: string): string {
  return vehicle.replace(/[. ]+$/, "");
}

/** The manifest in `data`, what was signed of it, and the signature. Throws BundleError, a clause. */
export function parseManifest(data: Uint8Array): readonly [Manifest, Bytes, Bytes] {
  if (data.length > MAX_MANIFEST_BYTES) throw new BundleError("is larger than any manifest.");
  const { manifest, sig, count } = read(parseJson(decodeUtf8(data) ?? ""));
  const signature = fromBase64(sig);
  if (signature === null) none();
  if (!FORMATS.includes(manifest.format)) {
    const form = quoted(beginning(manifest.format, 40));
    throw new BundleError(`is in a form ${form} that this software does not know; use a newer one.`);
  }
  if (manifest.files.size !== count) throw new BundleError("names a file twice; it was altered.");
  const text = latin1(data);
  const mark = text.lastIndexOf(SIGNATURE_MARK);
  if (mark < 0 || text.slice(mark + SIGNATURE_MARK.length) !== `${toBase64(signature)}"}\n`) {
    throw new BundleError("is not written as the recorder writes; it was altered.");
  }
  return [manifest, concat(CONTEXT, data.subarray(0, mark), utf8("}")), signature];
}

function none(): never {
  throw new BundleError("is not a manifest; it was altered or damaged.");
}

function read(said: Json): { manifest: Manifest; sig: string; count: number } {
  if (!isObject(said)) none();
  const unknown = [...said.keys()].find((name) => name !== "files" && name !== "sig" && !TEXTS.some((one) => one === name));
  const [format, , recorder, vehicle, journey] = TEXTS.map((name) => text(said.get(name)));
  const files = said.get("files");
  if (unknown !== undefined || !isArray(files)) none();
  const entries = files.map(entry);
  const manifest = {
    format: format ?? none(),
    recorder: recorder ?? none(),
    vehicle: vehicle ?? none(),
    journey: journey ?? none(),
    files: new Map(entries.map((one) => [one.name, one])),
  };
  return { manifest, sig: said.has("sig") ? text(said.get("sig")) : "", count: entries.length };
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : none();
}

function entry(said: Json): FileEntry {
  if (!isObject(said) || said.size !== 3) none();
  const [name, sizeBytes, sha256] = [said.get("name"), said.get("size_bytes"), said.get("sha256")];
  if (typeof name !== "string" || !FILE_NAME.test(name)) none();
  if (typeof sizeBytes !== "bigint" || sizeBytes < 0n) none();
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) none();
  return { name, sizeBytes, sha256 };
}
