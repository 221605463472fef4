/**
 * Plays a journey in a video element: any second, any speed, picture by picture, across segments and over what is missing.
 *
 * Rules: seconds are the journey's; a second where nothing was recorded is shown as such and passed over while playing;
 * whoever asks for another second ends what was being read for the last one.
 */
import type { Ended, Segment } from "../model.ts";
import type { Buffers } from "./buffers.ts";
import { type Footage, Loader } from "./loader.ts";

export interface PlayerEvents {
  /** Another second, playing or not, a picture came: whatever is shown may be stale. */
  changed(): void;
  segmentEnded(segment: Segment, reachedS: number, how: Ended, problems: readonly string[]): void;
  /** Nothing was recorded from one second to the other; it was passed over. */
  skipped(fromS: number, untilS: number): void;
  failed(error: Error): void;
}

const WATCH_MS = 150;
const EVENTS = ["play", "pause", "seeked", "timeupdate", "loadeddata", "ended", "ratechange", "volumechange", "waiting"] as const;

export class Player {
  #loader: Loader | null = null;
  #buffers: Buffers | null = null;
  #wantedS = 0; // until the element has it
  #isPlaying = false; // what the user wants
  #rate = 1;
  #pictures: number[] = []; // in their order, those that were buffered since the last jump
  #running: Promise<void> = Promise.resolve();
  readonly #watch: number;
  readonly #heard = new AbortController();

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly footage: Footage,
    private readonly events: PlayerEvents,
  ) {
    for (const name of EVENTS) {
      video.addEventListener(name, () => this.events.changed(), { signal: this.#heard.signal });
    }
    video.addEventListener("ended", () => (this.#isPlaying = false), { signal: this.#heard.signal });
    video.addEventListener("error", () => this.#broke(), { signal: this.#heard.signal });
    this.#watch = window.setInterval(() => this.#pass(), WATCH_MS);
  }

  /** The second that is shown. */
  get atS(): number {
    return this.#buffers === null || this.video.readyState === 0 ? this.#wantedS : this.video.currentTime;
  }

  get isPlaying(): boolean {
    return this.#isPlaying;
  }

  get rate(): number {
    return this.#rate;
  }

  /** Whether there is a picture, or at least sound, of the second that is shown. */
  get hasPicture(): boolean {
    return this.video.readyState >= 2 && this.video.videoWidth > 0;
  }

  /** Whether it is still being read for. */
  get isWaiting(): boolean {
    return this.video.readyState < 2 && this.#loader !== null && this.#loader.headS <= this.atS + 0.5;
  }

  /** Show that second; whether it plays on stays as it is. */
  seek(atS: number): void {
    const second = Math.min(Math.max(atS, 0), Math.max(this.footage.lengthS - 0.04, 0));
    this.#wantedS = second;
    const isThere = this.#loader !== null && !this.#loader.isStopped && this.#isBuffered(second);
    if (this.#buffers !== null && this.video.readyState > 0) this.video.currentTime = second;
    if (!isThere) this.#restart(second);
    this.events.changed();
  }

  play(): void {
    this.#isPlaying = true;
    if (this.atS >= this.footage.lengthS - 0.1 || this.video.ended) this.seek(0);
    else if (this.#loader === null) this.seek(this.#wantedS);
    this.#start();
    this.events.changed();
  }

  pause(): void {
    this.#isPlaying = false;
    this.video.pause();
    this.events.changed();
  }

  setRate(rate: number): void {
    this.#rate = rate;
    this.video.defaultPlaybackRate = rate; // survives another source
    this.video.playbackRate = rate;
  }

  /** One picture on, or back. */
  step(direction: 1 | -1): void {
    this.pause();
    const atS = this.atS;
    const shown = this.#pictures.findLastIndex((time) => time <= atS + 1e-4);
    const wanted = this.#pictures[shown + direction];
    if (shown < 0 || wanted === undefined) {
      this.seek(atS + direction / 25); // none is known there yet
      return;
    }
    const next = this.#pictures[shown + direction + 1] ?? wanted + 0.02;
    this.seek(wanted + Math.min((next - wanted) / 2, 0.01));
  }

  /** When the picture that is shown was taken; null where none is known. */
  get pictureS(): number | null {
    return this.#pictures.findLast((time) => time <= this.atS + 1e-4) ?? null;
  }

  close(): void {
    window.clearInterval(this.#watch);
    this.#heard.abort();
    this.#loader?.stop();
    this.#buffers?.close();
    this.#buffers = null;
    this.video.removeAttribute("src");
    this.video.load();
  }

  #restart(second: number): void {
    this.#loader?.stop();
    this.#pictures = [];
    const loader = new Loader(this.footage, {
      now: () => ({ atS: this.atS, rate: this.#rate }),
      attach: (fresh, atS) => this.#attach(fresh, atS),
      pictures: (timesS) => this.#pictures.push(...timesS),
      ended: (...told) => this.events.segmentEnded(...told),
    });
    this.#loader = loader;
    const before = this.#running;
    this.#running = this.#run(loader, second, before);
  }

  /** One after the other: what the last one began to append must be in before anything is removed. */
  async #run(loader: Loader, second: number, before: Promise<void>): Promise<void> {
    await before;
    if (loader.isStopped) return;
    try {
      await this.#buffers?.remove();
      await loader.run(second, this.#buffers);
    } catch (error) {
      if (!loader.isStopped) this.events.failed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #attach(buffers: Buffers, second: number): void {
    this.#buffers?.close();
    this.#buffers = buffers;
    this.#wantedS = second;
    this.video.src = buffers.url;
    this.video.addEventListener("loadedmetadata", () => {
      this.video.currentTime = this.#wantedS;
      this.video.playbackRate = this.#rate;
      this.#start();
    }, { once: true, signal: this.#heard.signal });
  }

  #start(): void {
    if (!this.#isPlaying || this.#buffers === null) return;
    this.video.play().catch((error: unknown) => {
      if (!(error instanceof DOMException)) throw error;
      if (error.name === "NotAllowedError") this.pause(); // a browser that wants a click first
    });
  }

  #isBuffered(second: number): boolean {
    return this.#buffers?.ranges.some(([from, until]) => from <= second + 0.05 && second < until) ?? false;
  }

  /** Where nothing was recorded, and it should play: on to where something is. */
  #pass(): void {
    const loader = this.#loader;
    const { video } = this;
    if (loader === null || this.#buffers === null || video.seeking && !this.#isPlaying) return;
    const atS = this.atS;
    if (!this.#isPlaying || this.#isBuffered(atS) && video.readyState > 2) return;
    const next = this.#buffers.ranges.find(([from]) => from > atS + 0.001);
    if (next !== undefined && !this.#isBuffered(atS + 0.05)) {
      video.currentTime = next[0] + 0.001;
      if (next[0] - atS > 1) this.events.skipped(atS, next[0]);
    } else if (next === undefined && loader.isDone && !this.#isBuffered(atS)) {
      this.pause(); // nothing follows
    }
    if (video.paused && !video.ended) this.#start();
  }

  #broke(): void {
    const { error } = this.video;
    this.#loader?.stop();
    this.#loader = null;
    this.#buffers?.close();
    this.#buffers = null;
    this.#isPlaying = false;
    this.events.failed(new Error(error?.message || "The browser stopped playing."));
  }
}
