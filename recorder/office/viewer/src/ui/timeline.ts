/**
 * The journey from left to right: what was recorded and in which state it is, agreement, hold, faults, the clock.
 *
 * One slider for keyboard and screen reader; the lanes below it are its picture. Everything that a lane shows in colour
 * is also said: as the slider's text, under the pointer, and in the story.
 */
import type { Journey } from "../model.ts";
import type { Strings } from "../strings.ts";
import { fill, h } from "./dom.ts";
import { clockOf as timeOf } from "./format.ts";
import { clockOf, consentOf, eventsOf, faultsOf, holdOf, recordedOf, type Span, stateAt, ticksOf } from "./lanes.ts";

export class Timeline {
  readonly element: HTMLElement;
  readonly #track = h("div", { class: "track" });
  readonly #slider: HTMLElement;
  readonly #head = h("div", { class: "head", aria: { hidden: "true" } });
  readonly #clip = h("div", { class: "clip", hidden: true });
  readonly #tip = h("div", { class: "tip", hidden: true, aria: { hidden: "true" } });
  #journey: Journey | null = null;

  constructor(
    private readonly strings: Strings,
    private readonly onSeek: (atS: number) => void,
  ) {
    this.#slider = h(
      "div",
      { class: "slider", role: "slider", tabIndex: 0, aria: { label: strings.timeline.label, valuemin: "0" } },
      this.#track,
      this.#clip,
      this.#head,
    );
    this.element = h("section", { class: "timeline", aria: { label: strings.timeline.label } }, this.#slider, this.#tip);
    this.#slider.addEventListener("pointerdown", (event) => this.#scrub(event));
    this.#slider.addEventListener("pointermove", (event) => this.#point(event));
    this.#slider.addEventListener("pointerleave", () => (this.#tip.hidden = true));
  }

  show(journey: Journey | null): void {
    this.#journey = journey;
    this.#slider.setAttribute("aria-valuemax", String(Math.round(journey?.lengthS ?? 0)));
    this.#slider.setAttribute("aria-disabled", String(journey === null));
    if (journey === null) {
      fill(this.#track);
      return;
    }
    const t = this.strings.timeline;
    const recording = this.#lane("recording", t.recording, recordedOf(journey), (span) => `state-${span.is}`);
    for (const mark of eventsOf(journey)) {
      const flag = h("div", { class: `flag kind-${mark.kind}` });
      flag.style.left = this.#place(mark.atS);
      recording.append(flag);
    }
    fill(
      this.#track,
      this.#scale(journey),
      recording,
      this.#lane("consent", t.consent, consentOf(journey), () => "consent"),
      this.#lane("hold", t.hold, holdOf(journey), () => "hold"),
      this.#lane("faults", t.faults, faultsOf(journey), () => "fault"),
      this.#lane("clock", t.clock, clockOf(journey), (span) => `clock-${span.is}`),
    );
  }

  move(atS: number): void {
    const journey = this.#journey;
    if (journey === null) return;
    this.#head.style.left = this.#place(atS);
    const state = stateAt(journey, atS);
    const what = state === null ? this.strings.timeline.nothing : this.strings.timeline.states[state];
    this.#slider.setAttribute("aria-valuenow", String(Math.round(atS)));
    this.#slider.setAttribute("aria-valuetext", this.strings.timeline.position(timeOf(journey.zeroUtcMs, atS), what));
  }

  mark(fromS: number | null, untilS: number | null): void {
    this.#clip.hidden = this.#journey === null || (fromS === null && untilS === null);
    if (this.#journey === null) return;
    const from = fromS ?? 0;
    const until = untilS ?? this.#journey.lengthS;
    this.#clip.style.left = this.#place(from);
    this.#clip.style.width = this.#width(from, Math.max(until, from));
    this.#clip.title = this.strings.timeline.clip;
  }

  #lane<T extends string>(name: string, label: string, spans: readonly Span<T>[], classOf: (span: Span<T>) => string): HTMLElement {
    const lane = h("div", { class: `lane ${name}` }, h("span", { class: "name" }, label));
    for (const span of spans) {
      const bar = h("div", { class: `bar ${classOf(span)}` });
      bar.style.left = this.#place(span.fromS);
      bar.style.width = this.#width(span.fromS, span.untilS);
      lane.append(bar);
    }
    return lane;
  }

  #scale(journey: Journey): HTMLElement {
    const scale = h("div", { class: "scale" });
    for (const atS of ticksOf(journey.lengthS, 8).filter((one) => one < this.#length * 0.95)) {
      const tick = h("span", { class: "tick" }, timeOf(journey.zeroUtcMs, atS).slice(0, journey.lengthS > 600 ? 5 : 8));
      tick.style.left = this.#place(atS);
      scale.append(tick);
    }
    return scale;
  }

  #place(atS: number): string {
    return `${(100 * Math.min(Math.max(atS, 0), this.#length)) / this.#length}%`;
  }

  #width(fromS: number, untilS: number): string {
    return `${(100 * Math.max(Math.min(untilS, this.#length) - Math.max(fromS, 0), 0)) / this.#length}%`;
  }

  get #length(): number {
    return Math.max(this.#journey?.lengthS ?? 0, 0.001);
  }

  #secondAt(event: PointerEvent): number {
    const box = this.#slider.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * this.#length;
  }

  #scrub(event: PointerEvent): void {
    if (event.button !== 0 || this.#journey === null) return;
    const slider = this.#slider;
    slider.setPointerCapture(event.pointerId);
    let wanted: number | null = null;
    const go = (now: PointerEvent): void => {
      const isFirst = wanted === null;
      wanted = this.#secondAt(now);
      this.move(wanted);
      if (isFirst) requestAnimationFrame(() => { if (wanted !== null) this.onSeek(wanted); wanted = null; });
    };
    const end = (): void => slider.removeEventListener("pointermove", go);
    go(event);
    slider.addEventListener("pointermove", go);
    slider.addEventListener("pointerup", end, { once: true });
    slider.addEventListener("pointercancel", end, { once: true });
  }

  #point(event: PointerEvent): void {
    const journey = this.#journey;
    if (journey === null) return;
    const atS = this.#secondAt(event);
    const near = this.#length / 150;
    const spans = [...recordedOf(journey), ...faultsOf(journey)].filter((span) => span.fromS <= atS && atS < span.untilS && span.is !== "whole" && span.is !== "unchecked");
    const marks = eventsOf(journey).filter((mark) => Math.abs(mark.atS - atS) < near);
    const state = stateAt(journey, atS);
    const t = this.strings.timeline;
    fill(
      this.#tip,
      h("strong", {}, `${timeOf(journey.zeroUtcMs, atS)} ${this.strings.desk.utc}`),
      h("span", {}, state === null ? t.nothing : t.states[state]),
      ...[...new Set([...marks, ...spans].map(({ text }) => text))].slice(0, 4).map((text) => h("span", { lang: "en" }, text)),
    );
    this.#tip.hidden = false;
    const box = this.element.getBoundingClientRect();
    const x = Math.min(Math.max(event.clientX - box.left, 110), box.width - 110);
    this.#tip.style.left = `${x}px`;
  }
}
