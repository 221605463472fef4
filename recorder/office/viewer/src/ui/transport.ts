/** The buttons below the picture. Each act has a key as well; the one list of them is in keys.ts. */
import type { Strings } from "../strings.ts";
import { button, drawing, h } from "./dom.ts";
import { icons } from "./icons.ts";
import type { Act } from "./keys.ts";

export const RATES = [0.25, 0.5, 1, 2, 4, 8] as const;

export class Transport {
  readonly element: HTMLElement;
  readonly level = h("div", { class: "level" });
  readonly #play: HTMLButtonElement;
  readonly #mute: HTMLButtonElement;
  readonly #speed: HTMLSelectElement;
  readonly #volume: HTMLInputElement;
  readonly #position = h("output", { class: "position" });

  constructor(
    private readonly strings: Strings,
    private readonly video: HTMLVideoElement,
    act: (act: Act) => void,
    setRate: (rate: number) => void,
  ) {
    const t = strings.transport;
    this.#play = button({ label: t.play, icon: icons.play, class: "icon play", keys: "Space" }, () => act("toggle"));
    this.#mute = button({ label: t.mute, icon: icons.sound, keys: "M" }, () => act("mute"));
    this.#speed = h("select", { class: "speed", title: t.speed, aria: { label: t.speed } },
      ...RATES.map((rate) => h("option", { value: String(rate), selected: rate === 1 }, `${rate}×`)));
    this.#speed.addEventListener("change", () => setRate(Number(this.#speed.value)));
    this.#volume = h("input", { type: "range", class: "volume", min: "0", max: "1", step: "0.05", value: "1", aria: { label: t.volume } });
    this.#volume.addEventListener("input", () => {
      video.volume = Number(this.#volume.value);
      video.muted = false;
    });
    this.element = h(
      "div",
      { class: "transport", role: "group", aria: { label: t.play } },
      group(
        button({ label: t.previous, icon: icons.previous, keys: "[" }, () => act("previousEvent")),
        button({ label: t.stepBack, icon: icons.stepBack, keys: "," }, () => act("stepBack")),
        this.#play,
        button({ label: t.stepOn, icon: icons.stepOn, keys: "." }, () => act("stepOn")),
        button({ label: t.next, icon: icons.next, keys: "]" }, () => act("nextEvent")),
      ),
      this.#position,
      group(this.#speed),
      group(this.#mute, h("div", { class: "loud" }, this.#volume, h("div", { class: "meter", title: t.level, aria: { hidden: "true" } }, this.level))),
      group(
        button({ label: t.zoomOut, icon: icons.zoomOut, keys: "-" }, () => act("zoomOut")),
        button({ label: t.zoomIn, icon: icons.zoomIn, keys: "+" }, () => act("zoomIn")),
      ),
      group(
        button({ label: t.markIn, icon: icons.markIn, keys: "I" }, () => act("markIn")),
        button({ label: t.markOut, icon: icons.markOut, keys: "O" }, () => act("markOut")),
        button({ label: t.still, icon: icons.camera, keys: "P" }, () => act("still")),
      ),
      group(button({ label: t.full, icon: icons.full, keys: "F" }, () => act("full"))),
    );
  }

  show(state: { readonly isPlaying: boolean; readonly rate: number; readonly position: string }): void {
    const t = this.strings.transport;
    relabel(this.#play, state.isPlaying ? t.pause : t.play, state.isPlaying ? icons.pause : icons.play, "Space");
    const isSilent = this.video.muted || this.video.volume === 0;
    relabel(this.#mute, isSilent ? t.unmute : t.mute, isSilent ? icons.silent : icons.sound, "M");
    if (document.activeElement !== this.#volume) this.#volume.value = String(this.video.volume);
    this.#speed.value = String(state.rate);
    this.#position.textContent = state.position;
  }
}

function group(...children: readonly HTMLElement[]): HTMLElement {
  return h("div", { class: "group" }, ...children);
}

function relabel(element: HTMLButtonElement, label: string, icon: string, keys: string): void {
  if (element.getAttribute("aria-label") === label) return;
  element.setAttribute("aria-label", label);
  element.title = `${label} (${keys})`;
  element.replaceChildren(drawing(icon));
}
