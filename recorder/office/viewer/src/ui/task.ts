/** One thing at a time that takes a while: how far it is, a way to stop it, and how it ended, in words. */
import type { Strings } from "../strings.ts";
import { Refusal } from "../model.ts";
import { button, fill, h } from "./dom.ts";
import { sizeOf } from "./format.ts";
import { ShelfError } from "./shelf.ts";

export interface Task {
  readonly signal: AbortSignal;
  progress(name: string, doneBytes: number, totalBytes: number): void;
  /** Resolves when the person says so; rejects where they stop. */
  ask(text: string): Promise<void>;
}

export class TaskLine {
  readonly element = h("div", { class: "task", hidden: true, role: "status" });
  #stop: AbortController | null = null;

  constructor(
    private readonly strings: Strings,
    private readonly onBusy: (isBusy: boolean) => void,
  ) {}

  get isBusy(): boolean {
    return this.#stop !== null;
  }

  /** `work` says how it ended, or null where there is nothing to say. */
  async run(work: (task: Task) => Promise<string | null>): Promise<void> {
    if (this.#stop !== null) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.onBusy(true);
    try {
      this.#say(await work(this.#task(stop)), "good");
    } catch (error) {
      this.#say(this.#sentence(error, stop.signal), stop.signal.aborted ? "" : "problem");
    } finally {
      this.#stop = null;
      this.onBusy(false);
    }
  }

  stop(): void {
    this.#stop?.abort();
  }

  #task(stop: AbortController): Task {
    const s = this.strings.give;
    const bar = h("progress", { max: 1, value: 0, aria: { label: s.film } });
    const text = h("span", {});
    const stopping = button({ label: s.stop, text: s.stop, class: "plain" }, () => stop.abort());
    const show = (): void => fill(this.element, bar, text, stopping);
    let shownMs = 0;
    return {
      signal: stop.signal,
      progress: (name, doneBytes, totalBytes) => {
        const now = performance.now();
        if (now - shownMs < 100 && doneBytes < totalBytes) return;
        shownMs = now;
        if (bar.parentElement === null) show();
        this.element.className = "task";
        this.element.hidden = false;
        bar.max = totalBytes || 1;
        bar.value = doneBytes;
        text.textContent = s.saving(name, sizeOf(doneBytes), sizeOf(totalBytes));
      },
      ask: (question) =>
        new Promise((resolve, reject) => {
          const on = button({ label: s.goOn, text: s.goOn, class: "primary" }, () => { show(); resolve(); });
          stop.signal.addEventListener("abort", () => reject(stop.signal.reason), { once: true });
          this.element.hidden = false;
          fill(this.element, h("span", {}, question), on, stopping);
          on.focus();
        }),
    };
  }

  #say(text: string | null, name: string): void {
    this.element.hidden = text === null;
    this.element.className = `task ${name}`;
    fill(this.element, h("p", {}, text ?? ""));
  }

  #sentence(error: unknown, signal: AbortSignal): string {
    const s = this.strings.give;
    if (signal.aborted) return s.stopped;
    if (error instanceof ShelfError) {
      if (error.kind === "in-the-way") return s.inTheWay(error.file);
      return error.kind === "not-empty" ? s.notEmpty : `${s.refused} ${error.file}: ${error.message}`;
    }
    if (error instanceof Refusal) return this.strings.refusals[error.kind] || error.message;
    if (error instanceof DOMException) return `${s.refused} ${error.message}`;
    throw error;
  }
}
