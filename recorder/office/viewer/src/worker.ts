/**
 * What runs beside the page, the same file several times. For a bundle: one unlocks the key and is ended, with the
 * quarter of a gigabyte that takes; one opens and checks; one decrypts what is played. For what is signed: one each.
 *
 * Rules: a question has a number and gets one answer, or a refusal; nothing is kept that no question needs any more.
 */

import { type Bundle, openBundle } from "./core.ts";
import type { Identity } from "./crypto/age.ts";
import { readIdentities } from "./crypto/identity.ts";
import { whenReady } from "./crypto/sodium.ts";
import { orderFile } from "./give/orders.ts";
import { withEntry } from "./give/register.ts";
import {
  type BlobLike,
  type Ended,
  type KnownTexts,
  type OrderRequest,
  type PickedFile,
  type Plaintext,
  Refusal,
  type RegisterRequest,
} from "./model.ts";
import { plaintextOf } from "./plaintext.ts";

export type Question =
  | { readonly ask: "unlock"; readonly file: Uint8Array; readonly passphrase: string }
  | {
      readonly ask: "open";
      readonly bundle: readonly PickedFile[];
      readonly identities: readonly Identity[] | null;
      readonly known: KnownTexts;
    }
  | { readonly ask: "check" }
  | { readonly ask: "stop" }
  | { readonly ask: "log"; readonly journey: string }
  | { readonly ask: "answers" }
  | {
      readonly ask: "decrypt";
      readonly stream: number;
      readonly file: BlobLike;
      readonly identities: readonly Identity[];
      readonly fromByte: number;
    }
  | { readonly ask: "next"; readonly stream: number; readonly spare: ArrayBuffer | null }
  | { readonly ask: "cancel"; readonly stream: number }
  | { readonly ask: "order"; readonly request: OrderRequest }
  | { readonly ask: "register"; readonly request: RegisterRequest };

/** Of a stream: the next piece, or null and how it ended. */
export type Piece = { readonly piece: Uint8Array<ArrayBuffer> } | { readonly piece: null; readonly ended: Ended };

export interface Asked {
  readonly id: number;
  readonly question: Question;
}

export interface Answer {
  readonly id: number;
  readonly progress?: unknown;
  readonly value?: unknown;
  readonly refusal?: { readonly kind: Refusal["kind"] | null; readonly message: string };
}

interface Stream {
  readonly reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly ended: Plaintext["ended"];
}

const port = self as unknown as Pick<MessagePort, "postMessage" | "addEventListener">;
const streams = new Map<number, Stream>();
const spares: ArrayBuffer[] = []; // memory for pieces, given back by the page
let bundle: Bundle | null = null;
let checking: AbortController | null = null;

port.addEventListener("message", ({ data }: MessageEvent<Asked>) => void answer(data));

async function answer({ id, question }: Asked): Promise<void> {
  try {
    await whenReady();
    const value = await answerTo(question, id);
    const piece = (value as { piece?: unknown } | undefined)?.piece;
    port.postMessage({ id, value } satisfies Answer, piece instanceof Uint8Array ? [piece.buffer] : []);
  } catch (error) {
    const kind = error instanceof Refusal ? error.kind : null;
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage({ id, refusal: { kind, message } } satisfies Answer);
  }
}

async function answerTo(question: Question, id: number): Promise<unknown> {
  switch (question.ask) {
    case "unlock":
      return await readIdentities(question.file, question.passphrase);
    case "open":
      bundle = await openBundle(question.bundle, question.identities, question.known);
      return { journeys: bundle.journeys, findings: bundle.findings, isInsideChecked: bundle.isInsideChecked };
    case "check":
      checking = new AbortController();
      return await bundle?.check((progress) => port.postMessage({ id, progress } satisfies Answer), checking.signal);
    case "stop":
      checking?.abort();
      return undefined;
    case "log":
      return bundle?.log(question.journey) ?? null;
    case "answers":
      return (await bundle?.answers()) ?? null;
    case "decrypt": {
      const { stream, ended } = plaintextOf(question.file, question.identities, question.fromByte, spares);
      streams.set(question.stream, { reader: stream.getReader(), ended });
      return undefined;
    }
    case "next":
      if (question.spare !== null) spares.push(question.spare);
      return await next(question.stream);
    case "order":
      return await orderFile(question.request);
    case "register":
      return await withEntry(question.request, Date.now());
    case "cancel":
      await streams.get(question.stream)?.reader.cancel();
      streams.delete(question.stream);
      return undefined;
  }
}

async function next(number: number): Promise<Piece> {
  const stream = streams.get(number);
  if (stream === undefined) {
    return { piece: null, ended: { how: "refused", sentence: "It was not read to its end.", goodBytes: 0 } };
  }
  const { value, done } = await stream.reader.read();
  if (!done) return { piece: value };
  streams.delete(number);
  return { piece: null, ended: await stream.ended };
}
