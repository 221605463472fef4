/**
 * A segment decrypted as a stream, from any byte on: every authentic chunk, and then how it ended.
 *
 * Rules: the stream closes behind the last authentic chunk and never errors, so that a damaged file plays to its last
 * whole moment; what was wrong is in `ended`. Pieces are about a megabyte: fewer messages between workers. Their memory
 * comes from `spares` where there is some, and goes back there when somebody is done with it.
 */

import { AgeError, BundleError, CHUNK_BYTES, chunks, type Identity, openPayload } from "./crypto/age.ts";
import type { Bytes } from "./crypto/bytes.ts";
import type { BlobLike, Ended, Plaintext } from "./model.ts";

const PIECE_BYTES = 16 * CHUNK_BYTES;

export function plaintextOf(
  file: BlobLike,
  identities: readonly Identity[],
  fromByte = 0,
  spares: ArrayBuffer[] = [],
): Plaintext {
  let settle: (ended: Ended) => void;
  const ended = new Promise<Ended>((resolve) => (settle = resolve));
  const pieces = piecesOf(file, identities, fromByte, spares, (how) => settle(how));
  const stream = new ReadableStream<Bytes>(
    {
      async pull(controller) {
        const { value, done } = await pieces.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 1 },
  );
  return { stream, ended, done: ({ buffer }) => void spares.push(buffer) };
}

async function* piecesOf(
  file: BlobLike,
  identities: readonly Identity[],
  fromByte: number,
  spares: ArrayBuffer[],
  settle: (ended: Ended) => void,
): AsyncGenerator<Bytes, undefined, undefined> {
  const first = Math.floor(fromByte / CHUNK_BYTES);
  let [skip, goodBytes] = [fromByte % CHUNK_BYTES, fromByte];
  let piece: Bytes | null = null; // being filled
  let filledBytes = 0;
  let ended: Ended | null = null;
  try {
    for await (const chunk of chunks(file, await openPayload(file, identities), first)) {
      const wanted = chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.length);
      goodBytes += wanted.length;
      piece ??= new Uint8Array(spares.pop() ?? new ArrayBuffer(PIECE_BYTES));
      piece.set(wanted, filledBytes);
      filledBytes += wanted.length;
      if (filledBytes + CHUNK_BYTES <= PIECE_BYTES) continue;
      const full = piece.subarray(0, filledBytes);
      [piece, filledBytes] = [null, 0];
      yield full;
    }
    ended = { how: "whole", sentence: "", goodBytes };
  } catch (error) {
    ended = { how: howOf(error), sentence: sentenceOf(error), goodBytes };
  } finally {
    settle(ended ?? { how: "refused", sentence: "It was not read to its end.", goodBytes });
  }
  if (piece !== null && filledBytes > 0) yield piece.subarray(0, filledBytes);
  return undefined;
}

function howOf(error: unknown): Ended["how"] {
  if (error instanceof AgeError) return error.kind === "truncated" ? "cut" : error.kind === "damaged" ? "damaged" : "refused";
  if (error instanceof BundleError) return "refused";
  throw error;
}

function sentenceOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return error instanceof BundleError ? `It ${text}` : text;
}
