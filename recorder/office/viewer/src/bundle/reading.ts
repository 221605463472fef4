/** Reading parts of a file that somebody else holds: a stick may be pulled out at any moment. */

import type { BlobLike } from "../model.ts";

/** Something in a bundle is not as it should be: a clause that goes on from the file's name. */
export class BundleError extends Error {
  override readonly name = "BundleError";
}

const BLOCK_BYTES = 1 << 20;

/** The bytes from `start` to `end`; fewer only where the file ends before. BundleError where it cannot be read. */
export async function readRange(file: BlobLike, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.slice(start, Math.min(end, file.size)).arrayBuffer());
  } catch (error) {
    throw new BundleError(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * The whole file from `start` on, in blocks; the next one is being read while one is worked on. A block is good until the
 * next one is asked for: then its memory is let go.
 */
export async function* blocks(
  file: BlobLike,
  start = 0,
  blockBytes = BLOCK_BYTES,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const nobody = new MessageChannel();
  nobody.port2.close();
  let next = start < file.size ? readRange(file, start, start + blockBytes) : null;
  try {
    for (let at = start; next !== null; at += blockBytes) {
      const block = await next;
      const behind = at + blockBytes;
      next = behind < file.size ? readRange(file, behind, behind + blockBytes) : null;
      next?.catch(() => undefined); // thrown where it is awaited; until then nobody listens
      yield block;
      // Chrome sweeps what was read from a file only after a hundred megabytes, and `ArrayBuffer.transfer` leaves it
      // where it is; what is sent to nobody is gone at once. Not a stream: under load, Chrome's of a file ends early.
      nobody.port1.postMessage(null, [block.buffer]);
    }
  } finally {
    nobody.port1.close();
  }
}
