/** From a journey to films on a shelf: all of it, or what lies between two marks. */
import type { Journey, Opened, Plaintext } from "../model.ts";
import { Cutter, type Span } from "../media/cut.ts";
import { type Film, Joiner } from "../media/join.ts";
import type { Places } from "../media/places.ts";
import { endOf } from "./lanes.ts";
import type { Shelf } from "./shelf.ts";

export interface Filmed {
  readonly films: readonly Film[];
  /** What was left out, a sentence each, with the file that it is about. */
  readonly problems: readonly string[];
}

export interface FilmRequest {
  readonly opened: Opened;
  readonly journey: Journey;
  readonly places: Places;
  readonly name: string;
  readonly span: Span | null;
  readonly shelf: Shelf;
  readonly signal: AbortSignal;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
}

/** Writes the films. Rejects with an AbortError where `signal` ends it, and with what the shelf says; then nothing is left. */
export async function film(request: FilmRequest): Promise<Filmed> {
  const { opened, journey, span, signal } = request;
  const wanted = journey.segments.filter(
    (segment) => segment.isHere && (span === null || (segment.startS < span.untilS && endOf(journey, segment) > span.fromS - 1)),
  );
  const totalBytes = wanted.reduce((sum, segment) => sum + segment.plaintextBytes, 0);
  const joiner = new Joiner({
    name: request.name,
    create: (name) => request.shelf.create(name),
    maxPartBytes: request.shelf.maxPartBytes,
    cutter: span === null ? undefined : new Cutter(span, request.places),
  });
  const problems: string[] = [];
  let doneBytes = 0;
  try {
    for (const segment of wanted) {
      const plaintext = opened.plaintext(journey.name, segment.number);
      const counted = pieces(plaintext, signal, (bytes) => request.onProgress((doneBytes += bytes), totalBytes));
      const wrong = await joiner.addSegment(counted, segment.startS);
      const ended = await plaintext.ended;
      if (ended.sentence) problems.push(`${segment.name} ${ended.sentence}`);
      problems.push(...wrong.map((sentence) => `${segment.name}: ${sentence}`));
    }
    return { films: await joiner.finish(), problems };
  } catch (error) {
    await joiner.drop();
    throw error;
  }
}

async function* pieces(plaintext: Plaintext, signal: AbortSignal, onBytes: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const reader = plaintext.stream.getReader();
  try {
    for (;;) {
      signal.throwIfAborted();
      const { done, value } = await reader.read();
      if (done) return;
      const { length } = value;
      yield value;
      plaintext.done(value);
      onBytes(length);
    }
  } finally {
    await reader.cancel();
  }
}
