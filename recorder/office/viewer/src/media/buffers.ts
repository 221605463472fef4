/** A MediaSource and its SourceBuffers, one act after the other; what a browser refuses is an error with words. */
import { MediaError } from "./boxes.ts";
import type { Kind } from "./feed.ts";

export class Buffers {
  readonly #media = new MediaSource();
  readonly #buffers = new Map<Kind, SourceBuffer>();
  readonly #mimes = new Map<Kind, string>();
  readonly url: string;
  #isClosed = false;

  constructor() {
    this.url = URL.createObjectURL(this.#media);
  }

  /** Once an element has the `url`. */
  async open(lengthS: number, mimes: ReadonlyMap<Kind, string>): Promise<void> {
    if (this.#media.readyState !== "open") {
      await new Promise((resolve) => this.#media.addEventListener("sourceopen", resolve, { once: true }));
    }
    for (const [kind, mime] of mimes) {
      if (!MediaSource.isTypeSupported(mime)) throw new MediaError(`This browser cannot play ${mime}.`);
      this.#buffers.set(kind, this.#media.addSourceBuffer(mime));
      this.#mimes.set(kind, mime);
    }
    if (lengthS > 0) this.#media.duration = lengthS;
  }

  get kinds(): ReadonlySet<Kind> {
    return new Set(this.#buffers.keys());
  }

  async init(kind: Kind, mime: string, data: BufferSource): Promise<void> {
    const buffer = this.#buffers.get(kind);
    if (buffer !== undefined && this.#mimes.get(kind) !== mime) {
      buffer.changeType(mime);
      this.#mimes.set(kind, mime);
    }
    await this.append(kind, data);
  }

  /** QuotaExceededError where there is no room: then nothing was taken. */
  async append(kind: Kind, data: BufferSource): Promise<void> {
    const buffer = this.#buffers.get(kind);
    if (buffer === undefined || this.#isClosed) return;
    if (this.#media.readyState === "ended") this.#media.duration = this.#media.duration; // opens it again
    await settled(buffer, () => buffer.appendBuffer(data));
  }

  /** Forget what lies before `untilS`, or all of it. */
  async remove(untilS = Number.POSITIVE_INFINITY): Promise<void> {
    for (const buffer of this.#buffers.values()) {
      if (this.#isClosed || this.#media.readyState === "closed") return;
      const { buffered } = buffer;
      if (buffered.length && buffered.start(0) < untilS) await settled(buffer, () => buffer.remove(0, untilS));
    }
  }

  /** The seconds that can be played, where picture and sound are both there. */
  get ranges(): readonly (readonly [number, number])[] {
    let ranges: (readonly [number, number])[] | null = null;
    for (const buffer of this.#buffers.values()) {
      const own = rangesOf(buffer.buffered);
      ranges = ranges === null ? own : ranges.flatMap(([a, b]) =>
        own.map(([c, d]) => [Math.max(a, c), Math.min(b, d)] as const).filter(([from, until]) => from < until));
    }
    return ranges ?? [];
  }

  end(): void {
    if (this.#media.readyState === "open" && !this.#isClosed) this.#media.endOfStream();
  }

  close(): void {
    this.#isClosed = true;
    URL.revokeObjectURL(this.url);
  }
}

function rangesOf(buffered: TimeRanges): [number, number][] {
  return Array.from({ length: buffered.length }, (_, index) => [buffered.start(index), buffered.end(index)]);
}

function settled(buffer: SourceBuffer, act: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null): void => {
      buffer.removeEventListener("updateend", onEnd);
      buffer.removeEventListener("error", onError);
      if (error === null) resolve();
      else reject(error);
    };
    const onEnd = (): void => done(null);
    const onError = (): void => done(new MediaError("The browser could not make a picture of what was recorded here."));
    buffer.addEventListener("updateend", onEnd);
    buffer.addEventListener("error", onError);
    try {
      act();
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  });
}
