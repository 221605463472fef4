/** The picture, what is said over it, and where there is none. */
import type { Journey } from "../model.ts";
import type { Player } from "../media/player.ts";
import type { Strings } from "../strings.ts";
import { h } from "./dom.ts";
import { clockOf, dayOf } from "./format.ts";
import { segmentUnder } from "./lanes.ts";
import { Zoom } from "./zoom.ts";

const NOTICE_MS = 4000;

export class Stage {
  readonly video = h("video", { playsInline: true, disablePictureInPicture: true, aria: { hidden: "true" } });
  readonly #when = h("div", { class: "when" });
  readonly #message = h("div", { class: "message", hidden: true });
  readonly #notice = h("div", { class: "notice", role: "status" });
  readonly #zoomed = h("div", { class: "factor", hidden: true });
  readonly element: HTMLElement;
  readonly zoom: Zoom;
  #timer = 0;
  #failure = "";

  constructor(private readonly strings: Strings) {
    this.element = h("section", { class: "stage", aria: { label: strings.stage.label } }, this.video, this.#when, this.#zoomed, this.#message, this.#notice);
    this.zoom = new Zoom(this.element, this.video, (factor) => {
      this.#zoomed.hidden = factor < 1.01;
      this.#zoomed.textContent = strings.stage.zoom(`${factor.toFixed(1)}×`);
    });
  }

  show(journey: Journey, player: Player): void {
    const atS = player.atS;
    const day = dayOf(journey.zeroUtcMs, atS);
    const time = clockOf(journey.zeroUtcMs, atS, true);
    this.#when.textContent = day ? `${day}  ${time} ${this.strings.desk.utc}` : time;
    const text = this.#textFor(journey, player);
    this.#message.hidden = !text;
    if (this.#message.textContent !== text) this.#message.textContent = text;
  }

  /** Said for some seconds. */
  note(text: string): void {
    this.#notice.textContent = text;
    this.#notice.classList.add("shown");
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      this.#notice.classList.remove("shown");
      this.#notice.textContent = "";
    }, NOTICE_MS);
  }

  fail(text: string): void {
    this.#failure = text;
  }

  close(): void {
    window.clearTimeout(this.#timer);
  }

  #textFor(journey: Journey, player: Player): string {
    const s = this.strings.stage;
    if (this.#failure) return `${s.failed}: ${this.#failure}`;
    if (player.hasPicture && !this.video.seeking) return "";
    const segment = segmentUnder(journey, player.atS);
    if (segment === null) return s.nothing;
    if (!segment.isHere) return `${s.notHere(segment.name)}: ${this.strings.timeline.states[segment.state]}`;
    if (this.video.readyState >= 2 && this.video.videoWidth === 0) return s.soundOnly;
    return player.isWaiting || this.video.seeking ? s.loading : s.nothing;
  }
}
