/**
 * The textual header of an age file: who can open it, and a check over that (C2SP `age.md`).
 *
 * Rules: the grammar of the vault's README and nothing beyond it; the check is taken over the bytes as read; sentences
 * are those of `recorder/vault/age_header.py`.
 */

import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { type Bytes, concat, equal, fromBareBase64, latin1, utf8 } from "./bytes.ts";

const VERSION = "age-encryption.org/v1";
const COLUMNS = 64;
const MAC_BYTES = 32;
export const MAX_HEADER_BYTES = 1 << 20;

/** What is wrong with an age file, in a sentence. `kind` says whether anything of it can be had. */
export class AgeError extends Error {
  override readonly name = "AgeError";
  constructor(
    readonly kind: "header" | "no-match" | "damaged" | "truncated",
    message: string,
  ) {
    super(message);
  }
}

export interface Stanza {
  readonly words: readonly string[];
  readonly body: Bytes;
}

export interface Header {
  readonly stanzas: readonly Stanza[];
  readonly mac: Bytes;
  /** All its bytes, the last line and its newline included. */
  readonly raw: Bytes;
}

/** The header at the beginning of `bytes`; null where more bytes are needed to tell. Throws AgeError. */
export function parseHeader(bytes: Bytes, isAll: boolean): Header | null {
  const lines = new Lines(bytes, isAll);
  try {
    return header(lines);
  } catch (error) {
    if (error instanceof MoreNeeded) return null;
    throw error;
  }
}

/** HKDF-SHA-256 to 32 bytes, the one key derivation of the format. */
export function derive(key: Uint8Array, salt: Uint8Array | undefined, info: string): Bytes {
  return hkdf(sha256, key, salt, utf8(info), 32) as Bytes;
}

/** Throws AgeError unless the header's check is that of `fileKey`. */
export function authenticate(header: Header, fileKey: Uint8Array): void {
  const end = latin1(header.raw).lastIndexOf("---") + 3;
  const mac = hmac(sha256, derive(fileKey, undefined, "header"), header.raw.subarray(0, end));
  if (!equal(mac, header.mac)) wrong("The header was altered: its check (MAC) does not fit.");
}

class MoreNeeded extends Error {}

function wrong(sentence: string): never {
  throw new AgeError("header", sentence);
}

/** Lines with a limit on their sum. */
class Lines {
  at = 0;
  constructor(
    readonly bytes: Bytes,
    readonly isAll: boolean,
  ) {}

  next(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0 || end >= MAX_HEADER_BYTES) {
      if (!this.isAll && this.bytes.length < MAX_HEADER_BYTES) throw new MoreNeeded();
      wrong("The header is cut off, or this is not an age file.");
    }
    const line = latin1(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return line;
  }
}

function header(lines: Lines): Header {
  if (lines.next() !== VERSION) wrong("This is not an age v1 file; give a file that ends in .age, as it was made.");
  const stanzas: Stanza[] = [];
  let line = lines.next();
  while (!line.startsWith("---")) {
    stanzas.push(stanza(line, lines));
    line = lines.next();
  }
  if (stanzas.length === 0) wrong("The header names nobody who could open this file.");
  if (!line.startsWith("--- ")) wrong("The last line of the header is malformed.");
  const mac = decoded(line.slice(4));
  if (mac.length !== MAC_BYTES) wrong("The check (MAC) of the header has the wrong length.");
  return { stanzas, mac, raw: lines.bytes.slice(0, lines.at) };
}

function stanza(first: string, lines: Lines): Stanza {
  if (!first.startsWith("-> ")) wrong("The header has a line that belongs nowhere.");
  const words = first.slice(3).split(" ");
  if (words.some((word) => !/^[!-~]+$/.test(word))) wrong("The header has a malformed recipient line.");
  const body: Bytes[] = [];
  for (;;) {
    const text = lines.next();
    if (text.length > COLUMNS) wrong("The header has an overlong line.");
    body.push(decoded(text));
    if (text.length < COLUMNS) return { words, body: concat(...body) };
  }
}

export function decoded(text: string): Bytes {
  if (!/^[A-Za-z0-9+/]*$/.test(text) || text.length % 4 === 1) wrong("The header contains text that is not base64.");
  return fromBareBase64(text) ?? wrong("The header contains base64 that is not canonical.");
}
