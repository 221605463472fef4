/**
 * age v1, the format of every recording: a file opened chunk by chunk (C2SP `age.md`; the vault's README has it).
 *
 * Rules: the header is proven before a byte of the payload is touched; nothing is given out but authentic chunks, whole
 * and in order; how it ended is said in the sentences of `recorder/vault/age.py`. Armored files are not read: no
 * recorder writes any.
 */

import { BundleError, blocks, readRange } from "../bundle/reading.ts";
import type { BlobLike } from "../model.ts";
import { type Bytes, concat } from "./bytes.ts";
import { AgeError, type Header, MAX_HEADER_BYTES, authenticate, decoded, derive, parseHeader } from "./header.ts";
import { Unsealer, unsealed, x25519, x25519Public } from "./sodium.ts";

export const CHUNK_BYTES = 65_536;
export const TAG_BYTES = 16;
export const NONCE_BYTES = 16;
const SEALED_BYTES = CHUNK_BYTES + TAG_BYTES;
const CHUNKS_AT_ONCE = 16;
const FIRST_LOOK_BYTES = 4096;
const KEY_BYTES = 32;
const WRAPPED_BYTES = 32;
const INFO = "age-encryption.org/v1/X25519";
const ZERO_NONCE = new Uint8Array(12);

/** The secret half of an X25519 key pair, and what it is known by. */
export interface Identity {
  readonly secret: Bytes;
  readonly recipient: Bytes;
}

/** Where the payload begins, and the key that opens its chunks. */
export interface Payload {
  readonly start: number;
  readonly key: Bytes;
}

export function identityOf(secret: Bytes): Identity {
  return { secret, recipient: x25519Public(secret) };
}

/** Throws AgeError, BundleError. */
export async function readHeader(file: BlobLike): Promise<Header> {
  for (const lookBytes of [FIRST_LOOK_BYTES, MAX_HEADER_BYTES]) {
    const header = parseHeader(await readRange(file, 0, lookBytes), lookBytes >= file.size);
    if (header !== null) return header;
  }
  throw new AgeError("header", "The header is cut off, or this is not an age file.");
}

/** Proves the header and finds the payload. Throws AgeError, BundleError. */
export async function openPayload(file: BlobLike, identities: readonly Identity[]): Promise<Payload> {
  const header = await readHeader(file);
  const fileKey = unwrapped(header, identities);
  authenticate(header, fileKey);
  const nonce = await readRange(file, header.raw.length, header.raw.length + NONCE_BYTES);
  if (nonce.length < NONCE_BYTES) {
    throw new AgeError("truncated", "The file ends right after its header: it holds nothing.");
  }
  return { start: header.raw.length + NONCE_BYTES, key: derive(fileKey, nonce, "payload") };
}

/**
 * The authentic chunks from number `first` (from 0) on; each is good until the next one is asked for. Throws AgeError behind
 * the last of them, BundleError.
 */
export async function* chunks(file: BlobLike, payload: Payload, first = 0): AsyncGenerator<Bytes> {
  let counter = first;
  const start = payload.start + first * SEALED_BYTES;
  let at = start;
  const unsealer = new Unsealer(payload.key, SEALED_BYTES);
  const memory = new Uint8Array(CHUNK_BYTES);
  const opened = (sealed: Bytes, last: 0 | 1): Bytes | null => {
    const bytes = unsealer.open(nonceOf(counter, last), sealed, memory);
    return bytes === null ? null : memory.subarray(0, bytes);
  };
  try {
    for await (const block of blocks(file, start, CHUNKS_AT_ONCE * SEALED_BYTES)) {
      for (let from = 0; from < block.length; from += SEALED_BYTES) {
        const sealed = block.subarray(from, from + SEALED_BYTES);
        at += sealed.length;
        const chunk = sealed.length === SEALED_BYTES ? opened(sealed, 0) : null;
        if (chunk !== null) {
          counter += 1;
          yield chunk;
          continue;
        }
        const final = opened(sealed, 1) ?? notAuthentic(counter, sealed.length);
        if (counter > 0 && final.length === 0) {
          throw new AgeError("damaged", "The file ends in an empty chunk, which no honest writer makes.");
        }
        yield final;
        if (at < file.size) {
          throw new AgeError("damaged", "Something was appended to this file; what was released is good.");
        }
        return;
      }
    }
  } finally {
    unsealer.close();
  }
  notAuthentic(counter, 0);
}

/** All of it. Throws AgeError, BundleError. */
export async function decrypted(file: BlobLike, identities: readonly Identity[]): Promise<Bytes> {
  const parts: Bytes[] = [];
  for await (const chunk of chunks(file, await openPayload(file, identities))) parts.push(chunk.slice());
  return concat(...parts);
}

/** Of a whole file of this size with its payload at `start`: the size of what is in it. */
export function plaintextBytes(sizeBytes: number, start: number): number {
  const sealedBytes = Math.max(0, sizeBytes - start);
  return Math.max(0, sealedBytes - Math.ceil(sealedBytes / SEALED_BYTES) * TAG_BYTES);
}

/** The byte of the file behind so many chunks. */
export function endOfChunks(count: number, start: number): number {
  return start + count * SEALED_BYTES;
}

export { AgeError, BundleError };

function notAuthentic(counter: number, lostBytes: number): never {
  if (lostBytes === SEALED_BYTES) {
    throw new AgeError("damaged", `The file is damaged in its chunk ${counter + 1}; what lies before it is good.`);
  }
  const sentence =
    "The file ends without its final chunk: it was cut off, or its end is damaged; " +
    `${counter} whole chunks are good, ${lostBytes} bytes after them are lost.`;
  throw new AgeError("truncated", sentence);
}

function nonceOf(counter: number, last: 0 | 1): Bytes {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(3, Math.floor(counter / 2 ** 32));
  view.setUint32(7, counter % 2 ** 32);
  nonce[11] = last;
  return nonce;
}

function unwrapped(header: Header, identities: readonly Identity[]): Bytes {
  for (const identity of identities) {
    for (const stanza of header.stanzas) {
      if (stanza.words[0] !== "X25519") continue;
      const fileKey = unwrappedFrom(stanza.words, stanza.body, identity);
      if (fileKey !== null) return fileKey;
    }
  }
  const kinds = [...new Set(header.stanzas.map((stanza) => stanza.words[0]))].sort().join(", ");
  const sentence = `None of the given keys opens this file (it is for: ${kinds}); give the key it was made for.`;
  throw new AgeError("no-match", sentence);
}

function unwrappedFrom(words: readonly string[], body: Bytes, identity: Identity): Bytes | null {
  const [, text] = words;
  if (text === undefined || words.length !== 2) {
    throw new AgeError("header", "The header has an X25519 line with too few or too many words.");
  }
  const share = decoded(text);
  if (share.length !== KEY_BYTES || body.length !== WRAPPED_BYTES) {
    throw new AgeError("header", "The header has an X25519 recipient of the wrong length.");
  }
  const secret = x25519(identity.secret, share);
  if (secret === null) throw new AgeError("header", "The header has an X25519 share that no honest writer makes.");
  return unsealed(derive(secret, concat(share, identity.recipient), INFO), ZERO_NONCE, body);
}
