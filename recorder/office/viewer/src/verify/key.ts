/** The public half of a recorder's key: what its manifests and logs are checked with (`recorder/vault/signing.py`). */

import { quoted, beginning } from "../bundle/text.ts";
import { type Bytes, fromBase64, toBase64 } from "../crypto/bytes.ts";
import { sha256Hex } from "../crypto/hashing.ts";
import { isSignedBy } from "../crypto/sodium.ts";

const PREFIX = "cabin-recorder-1:";

export class KeyError extends Error {
  override readonly name = "KeyError";
}

export class PublicKey {
  /** One line for files. Two keys are the same where their texts are. */
  readonly text: string;
  /** The first 16 hex digits of its SHA-256, in fours: to be compared by eye. */
  readonly fingerprint: string;

  private constructor(private readonly raw: Bytes) {
    this.text = PREFIX + toBase64(raw);
    this.fingerprint = (sha256Hex(raw).slice(0, 16).match(/.{4}/g) ?? []).join("-");
  }

  /** Throws KeyError. */
  static parse(text: string): PublicKey {
    const line = text.trim();
    const raw = line.startsWith(PREFIX) ? fromBase64(line.slice(PREFIX.length)) : null;
    if (raw?.length !== 32) {
      throw new KeyError(`${quoted(beginning(line, 80))} is not a recorder's public key; it begins with ${PREFIX}.`);
    }
    return new PublicKey(raw);
  }

  /** Of the 32 bytes. */
  static of(raw: Bytes): PublicKey {
    return new PublicKey(raw);
  }

  isSigner(data: Uint8Array, signature: Uint8Array): boolean {
    return isSignedBy(this.raw, data, signature);
  }
}
