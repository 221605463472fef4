/** What happened, line by line, as the recorder's proven log has it; each line goes to its moment. */
import type { Journey } from "../model.ts";
import type { Strings } from "../strings.ts";
import { h } from "./dom.ts";

export function storyPanel(journey: Journey, strings: Strings, onSeek: (atS: number) => void): HTMLElement[] {
  const s = strings.story;
  const facts = [
    journey.hold === null ? null : h("p", { class: "fact" }, h("strong", {}, s.held, " "), h("span", { lang: "en" }, journey.hold.reason), ` (${strings.desk.heldBy(journey.hold.who)})`),
    journey.clock ? h("p", { class: "fact" }, h("strong", {}, s.clockOff, ": "), h("span", { lang: "en" }, journey.clock)) : null,
    h("p", { class: "fact small" }, journey.name),
  ].filter((fact) => fact !== null);
  if (!journey.story.length) return [...facts, h("p", { class: "empty" }, s.empty)];
  const rows = journey.story.map((moment) =>
    h("li", { class: `kind-${moment.kind}` },
      h("button", { type: "button", on: { click: () => onSeek(moment.atS) } },
        h("time", {}, moment.at.slice(11, 19)),
        h("span", { class: "what", lang: "en" }, moment.text),
        h("span", { class: "clock", lang: "en" }, `${s.clock} ${moment.clock}`))));
  return [...facts, h("ol", { class: "story" }, ...rows)];
}
