/** The list of journeys: when, how long, whose vehicle, held, and how the check stands. */
import type { Journey } from "../model.ts";
import type { Language, Strings } from "../strings.ts";
import { drawing, fill, h } from "./dom.ts";
import { clockOf, lengthOf, longDayOf } from "./format.ts";
import { icons } from "./icons.ts";
import type { Session } from "./session.ts";

export class JourneyList {
  readonly #list = h("ul", {});
  readonly element: HTMLElement;

  constructor(
    private readonly session: Session,
    private readonly strings: Strings,
    private readonly language: Language,
    private readonly onPick: (journey: Journey) => void,
  ) {
    this.element = h("nav", { class: "journeys", aria: { label: strings.desk.journeys } }, h("h2", {}, strings.desk.journeys), this.#list);
  }

  show(): void {
    const had = this.#list.contains(document.activeElement);
    const rows = this.session.journeys.map((journey) => this.#row(journey));
    fill(this.#list, ...rows);
    if (had) this.#list.querySelector<HTMLElement>("[aria-current=true]")?.focus();
  }

  #row(journey: Journey): HTMLElement {
    const s = this.strings.desk;
    const { zeroUtcMs } = journey;
    const isCurrent = journey.name === this.session.journeyName;
    const wrong = this.session.findings.filter((f) => f.severity === "wrong" && f.journey === journey.name).length;
    const isChecking = this.session.check.is === "running";
    const verdict = wrong ? s.wrongCount(wrong) : isChecking ? s.checking : s.nothingWrong;
    const end = clockOf(zeroUtcMs, journey.lengthS).slice(0, 5);
    return h("li", {},
      h("button", { type: "button", aria: isCurrent ? { current: "true" } : {}, on: { click: () => this.onPick(journey) } },
        h("span", { class: "day" }, zeroUtcMs === null ? s.unknownTime : longDayOf(zeroUtcMs, this.language)),
        h("span", { class: "time" }, zeroUtcMs === null ? journey.name : `${clockOf(zeroUtcMs, 0).slice(0, 5)} – ${end}`),
        h("span", { class: "facts" }, `${journey.vehicle} · ${lengthOf(journey.lengthS, this.strings)}`),
        h("span", { class: "chips" },
          journey.hold === null ? null : h("span", { class: "chip hold" }, drawing(icons.hold), s.held),
          h("span", { class: `chip ${wrong ? "wrong" : isChecking ? "pending" : "good"}` }, drawing(wrong ? icons.wrong : isChecking ? icons.note : icons.good), verdict))));
  }
}
