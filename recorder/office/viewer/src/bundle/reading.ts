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
    unreadable(error);
  }
}

/**
 * The whole file from `start` on, in blocks; the next one is being read while one is worked on. A block is good until the
 * next one is asked for: its memory is used again, for a browser sweeps what was dropped only after tens of megabytes.
 */
export async function* blocks(
  file: BlobLike,
  start = 0,
  blockBytes = BLOCK_BYTES,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const sizeBytes = Math.min(blockBytes, Math.max(0, file.size - start));
  if (sizeBytes === 0) return;
  const source = sourceOf(file, start);
  let next = source.read(new ArrayBuffer(sizeBytes));
  let spare = new ArrayBuffer(sizeBytes);
  try {
    for (;;) {
      const block = await next;
      if (block.length === 0) return;
      next = source.read(spare);
      next.catch(() => undefined); // thrown where it is awaited; until then nobody listens
      yield block;
      spare = block.buffer;
    }
  } finally {
    await source.close();
  }
}

/** Reads on from where it is: as much as goes into `memory`, less only at the end of the file. */
interface Source {
  read(memory: ArrayBuffer): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

function sourceOf(file: BlobLike, start: number): Source {
  let reader: ReadableStreamBYOBReader | undefined;
  try {
    reader = file.slice(start).stream?.().getReader({ mode: "byob" });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // a stream that does not read into what it is given
  }
  return reader === undefined ? slices(file, start) : intoMemory(reader);
}

function intoMemory(reader: ReadableStreamBYOBReader): Source {
  return {
    async read(memory) {
      let filled = new Uint8Array(memory, 0, 0);
      while (filled.length < filled.buffer.byteLength) {
        const { buffer, length } = filled;
        const { value, done } = await reader.read(new Uint8Array(buffer, length)).catch(unreadable);
        if (value === undefined) return new Uint8Array(); // closed meanwhile
        filled = new Uint8Array(value.buffer, 0, length + value.length);
        if (done) break;
      }
      return filled;
    },
    close: () => reader.cancel().catch(() => undefined), // it was read, or cannot be
  };
}

function slices(file: BlobLike, start: number): Source {
  let at = start;
  return {
    read(memory) {
      const from = at;
      at += memory.byteLength;
      return from < file.size ? readRange(file, from, at) : Promise.resolve(new Uint8Array());
    },
    close: () => Promise.resolve(),
  };
}

function unreadable(error: unknown): never {
  throw new BundleError(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
}
