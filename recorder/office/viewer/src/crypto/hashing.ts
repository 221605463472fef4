/** SHA-256: of what is in memory at once, and of what comes in pieces (WebAssembly, three times as fast as script). */

import { sha256 } from "@noble/hashes/sha2.js";
import { createSHA256 } from "hash-wasm";
import { hex } from "./bytes.ts";

export function sha256Hex(bytes: Uint8Array): string {
  return hex(sha256(bytes));
}

/** One hash under way. */
export interface Hashing {
  update(bytes: Uint8Array): void;
  /** In hexadecimal; nothing can be added afterwards. */
  digest(): string;
}

export async function newSha256(): Promise<Hashing> {
  const hasher = await createSHA256();
  hasher.init();
  return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digest("hex") };
}
