/**
 * Workers, and questions to them.
 *
 * Rules: a worker comes from a text in this very file, for nothing is loaded; one that dies ends what waits for it.
 */

import { Refusal } from "./model.ts";
import type { Answer, Asked, Question } from "./worker.ts";
// The build puts the worker's text there.
import source from "bundled:./worker.ts";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  progress(progress: unknown): void;
}

/** One worker, and the questions that wait for it. */
export class Link {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  constructor() {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.worker = new Worker(url);
    URL.revokeObjectURL(url);
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => this.take(data);
    this.worker.onerror = (event) => this.fail(new Error(event.message));
  }

  /** `given`: memory in the question that goes over to the worker. */
  ask(
    question: Question,
    progress: (progress: unknown) => void = () => undefined,
    given: readonly ArrayBuffer[] = [],
  ): Promise<unknown> {
    const id = (this.count += 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, progress });
      this.worker.postMessage({ id, question } satisfies Asked, [...given]);
    });
  }

  close(): void {
    this.worker.terminate();
    this.fail(new DOMException("The bundle was closed.", "AbortError"));
  }

  private take({ id, progress, value, refusal }: Answer): void {
    const waiting = this.waiting.get(id);
    if (progress !== undefined) return waiting?.progress(progress);
    this.waiting.delete(id);
    if (refusal === undefined) waiting?.resolve(value);
    else waiting?.reject(refusal.kind === null ? new Error(refusal.message) : new Refusal(refusal.kind, refusal.message));
  }

  private fail(error: Error): void {
    for (const waiting of this.waiting.values()) waiting.reject(error);
    this.waiting.clear();
  }
}

/** One question to a worker of its own, which ends with the answer, and with it whatever secret it was given. */
export async function asked(question: Question): Promise<unknown> {
  const link = new Link();
  try {
    return await link.ask(question);
  } finally {
    link.close();
  }
}
