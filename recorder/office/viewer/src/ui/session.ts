/** What is open, what the check says of it so far, what was saved: the state that survives another language. */
import type { Answered, Checked, Finding, Journey, Opened, Progress } from "../model.ts";
import type { KeyFiles } from "./picking.ts";

/** A file that was saved. */
export interface Saved {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Of what: in words, for the sheet. */
  readonly of: string;
}

export type CheckState =
  | { readonly is: "running"; readonly progress: Progress | null; readonly beganMs: number }
  | { readonly is: "done"; readonly checked: Checked }
  | { readonly is: "failed" };

export class Session {
  check: CheckState = { is: "running", progress: null, beganMs: 0 };
  saved: Saved[] = [];
  journeyName: string;
  atS = 0;
  /** The marks of a clip, in seconds of the journey. */
  clip: { fromS: number | null; untilS: number | null } = { fromS: null, untilS: null };
  tab = "story";
  isSaving = false;
  areKeysOn = true;
  register: string | null = null;
  #isBegun = false;
  #answers: Promise<readonly Answered[] | null> | null = null;
  #heard: (() => void)[] = [];
  #stop = new AbortController();

  constructor(
    readonly opened: Opened,
    readonly keys: KeyFiles,
  ) {
    this.journeyName = opened.journeys[0]?.name ?? "";
  }

  get journeys(): readonly Journey[] {
    return this.check.is === "done" ? this.check.checked.journeys : this.opened.journeys;
  }

  get journey(): Journey | null {
    return this.journeys.find(({ name }) => name === this.journeyName) ?? null;
  }

  get findings(): readonly Finding[] {
    return this.check.is === "done" ? this.check.checked.findings : this.opened.findings;
  }

  /** Call `listener` whenever the check says more, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#heard.push(listener);
    return () => (this.#heard = this.#heard.filter((one) => one !== listener));
  }

  /** Begin the check, once, however often it is called. */
  startCheckOnce(): void {
    if (!this.#isBegun) this.startCheck();
  }

  startCheck(): void {
    this.#isBegun = true;
    this.check = { is: "running", progress: null, beganMs: performance.now() };
    const { beganMs } = this.check;
    const { signal } = this.#stop;
    const told = (progress: Progress): void => {
      this.check = { is: "running", progress, beganMs };
      this.#tell();
    };
    this.opened.check(told, signal).then(
      (checked) => (this.check = { is: "done", checked }),
      (error: unknown) => {
        if (!signal.aborted) this.check = { is: "failed" };
        if (!(error instanceof DOMException) && !signal.aborted) throw error;
      },
    ).finally(() => this.#tell());
  }

  /** See `Opened`; asked once. */
  answers(): Promise<readonly Answered[] | null> {
    this.#answers ??= this.opened.answers();
    return this.#answers;
  }

  close(): void {
    this.#stop.abort();
    this.#heard = [];
    this.opened.close();
  }

  #tell(): void {
    for (const listener of this.#heard) listener();
  }
}
