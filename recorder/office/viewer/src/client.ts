/**
 * The core as the page sees it: in workers, so that nothing it does makes the page wait.
 *
 * Rules: what a worker knows ends with it; `close` ends all of them.
 */

import { FOLDER } from "./bundle/manifest.ts";
import type { Identity } from "./crypto/age.ts";
import { asked, Link } from "./link.ts";
import type { Answered, Checked, Ended, Finding, Journey, Opened, OpenRequest, PickedFile, Plaintext, Progress } from "./model.ts";
import type { Piece } from "./worker.ts";

/** See `Open`. Rejects with a Refusal. */
export async function open({ bundle, identity, passphrase, known }: OpenRequest): Promise<Opened> {
  const unlock = identity === null ? null : asked({ ask: "unlock", file: identity, passphrase });
  const identities = (await unlock) as readonly Identity[] | null;
  const checker = new Link();
  try {
    type Told = { readonly journeys: readonly Journey[]; readonly findings: readonly Finding[]; isInsideChecked: boolean };
    const told = (await checker.ask({ ask: "open", bundle, identities, known })) as Told;
    return new OpenedInWorkers(told.journeys, told.findings, told.isInsideChecked, bundle, identities ?? [], checker);
  } catch (error) {
    checker.close();
    throw error;
  }
}

class OpenedInWorkers implements Opened {
  private player = new Link();
  private streams = 0;
  private readonly spares: ArrayBuffer[] = []; // memory of pieces that were looked at, on its way back to the player

  constructor(
    readonly journeys: readonly Journey[],
    readonly findings: readonly Finding[],
    readonly isInsideChecked: boolean,
    private readonly bundle: readonly PickedFile[],
    private identities: readonly Identity[],
    private checker: Link,
  ) {}

  async check(onProgress: (progress: Progress) => void, signal?: AbortSignal): Promise<Checked> {
    const asked = this.checker.ask({ ask: "check" }, (progress) => onProgress(progress as Progress));
    asked.catch(() => undefined); // whoever stops it has stopped listening
    if (signal === undefined) return (await asked) as Checked;
    const stopped = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason as Error);
      const stop = (): void => {
        reject(signal.reason as Error);
        this.checker.ask({ ask: "stop" }).catch(() => undefined); // a worker that is gone has stopped
      };
      signal.addEventListener("abort", stop, { once: true });
    });
    return (await Promise.race([asked, stopped])) as Checked;
  }

  plaintext(journey: string, segment: number, fromByte = 0): Plaintext {
    const file = this.fileOf(journey, segment);
    const stream = (this.streams += 1);
    let settle: (ended: Ended) => void;
    const ended = new Promise<Ended>((resolve) => (settle = resolve));
    const refused = (sentence: string): void => settle({ how: "refused", sentence, goodBytes: fromByte });
    const { player, spares } = this;
    const begun =
      file === null ? null : player.ask({ ask: "decrypt", stream, file, identities: this.identities, fromByte });
    begun?.catch(() => undefined); // what is wrong with the worker is said by the first piece as well
    const pieces = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        async pull(controller) {
          if (begun === null) {
            refused("It is not here.");
            return controller.close();
          }
          const spare = spares.pop() ?? null;
          const given = spare === null ? [] : [spare];
          const asked = player.ask({ ask: "next", stream, spare }, undefined, given) as Promise<Piece>;
          const next = await asked.catch((error: unknown): Piece => {
            const sentence = error instanceof Error ? error.message : String(error);
            return { piece: null, ended: { how: "refused", sentence, goodBytes: fromByte } };
          });
          if (next.piece !== null) return controller.enqueue(next.piece);
          settle(next.ended);
          controller.close();
        },
        async cancel() {
          refused("It was not read to its end.");
          await player.ask({ ask: "cancel", stream }).catch(() => undefined); // a worker that is gone has stopped
        },
      },
      { highWaterMark: 1 },
    );
    return { stream: pieces, ended, done: ({ buffer }) => void spares.push(buffer) };
  }

  async log(journey: string): Promise<Uint8Array<ArrayBuffer> | null> {
    return (await this.checker.ask({ ask: "log", journey })) as Uint8Array<ArrayBuffer> | null;
  }

  async answers(): Promise<readonly Answered[] | null> {
    return (await this.checker.ask({ ask: "answers" })) as readonly Answered[] | null;
  }

  close(): void {
    for (const { secret } of this.identities) secret.fill(0);
    this.identities = [];
    this.checker.close();
    this.player.close();
  }

  private fileOf(journey: string, segment: number): PickedFile["file"] | null {
    const one = this.journeys.find(({ name }) => name === journey);
    const name = one?.segments.find(({ number, isHere }) => number === segment && isHere)?.name;
    if (one === undefined || name === undefined) return null;
    const [top = ""] = this.bundle[0]?.path.split("/") ?? [];
    const root = top === FOLDER ? top : `${top}/${FOLDER}`;
    const path = `${root}/${one.vehicle}/${one.folder}/${name}`; // and no other that ends like it
    return this.bundle.find((picked) => picked.path === path)?.file ?? null;
  }
}
