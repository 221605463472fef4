/**
 * A segment decrypted as a stream, from any byte on: every authentic chunk, and then how it ended.
 *
 * Rules: the stream closes behind the last authentic chunk and never errors, so that a damaged file plays to its last
 * whole moment; what was wrong is in `ended`. Pieces are about a megabyte: fewer messages between workers.
 */

import { AgeError, BundleError, CHUNK_BYTES, chunks, type Identity, openPayload } from "./crypto/age.ts";
import { type Bytes, concat } from "./crypto/bytes.ts";
import type { BlobLike, Ended, Plaintext } from "./model.ts";

const CHUNKS_A_PIECE = 16;

export function plaintextOf(file: BlobLike, identities: readonly Identity[], fromByte = 0): Plaintext {
  let settle: (ended: Ended) => void;
  const ended = new Promise<Ended>((resolve) => (settle = resolve));
  const pieces = piecesOf(file, identities, fromByte, (how) => settle(how));
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
    { highWaterMark: 2 },
  );
  return { stream, ended };
}

async function* piecesOf(
  file: BlobLike,
  identities: readonly Identity[],
  fromByte: number,
  settle: (ended: Ended) => void,
): AsyncGenerator<Bytes, undefined, undefined> {
  const first = Math.floor(fromByte / CHUNK_BYTES);
  let [skip, goodBytes] = [fromByte % CHUNK_BYTES, fromByte];
  let waiting: Bytes[] = [];
  let ended: Ended | null = null;
  try {
    for await (const chunk of chunks(file, await openPayload(file, identities), first)) {
      const wanted = chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.length);
      goodBytes += wanted.length;
      if (wanted.length > 0) waiting.push(wanted);
      if (waiting.length < CHUNKS_A_PIECE) continue;
      const piece = concat(...waiting);
      waiting = [];
      yield piece;
    }
    ended = { how: "whole", sentence: "", goodBytes };
  } catch (error) {
    ended = { how: howOf(error), sentence: sentenceOf(error), goodBytes };
  } finally {
    settle(ended ?? { how: "refused", sentence: "It was not read to its end.", goodBytes });
  }
  if (waiting.length > 0) yield concat(...waiting);
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
