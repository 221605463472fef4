/** What became of the orders on the stick: each with the recorder's own words, where they are believed. */
import { type Answered, Refusal } from "../model.ts";
import type { Strings } from "../strings.ts";
import { fill, h } from "./dom.ts";
import { section } from "./parts.ts";
import type { Session } from "./session.ts";

const CLASSES: Readonly<Record<Answered["verdict"], string>> = {
  applied: "good", refused: "note", unanswered: "note", unknown: "note", wrong: "wrong",
};

/** Fills itself when the stick was looked at; stays empty where it has no orders. */
export function answersSection(session: Session, strings: Strings): HTMLElement {
  const place = h("div", { class: "answers" });
  session.answers().then(
    (answered) => fill(place, ...contentsOf(answered, strings)),
    (error: unknown) => {
      if (error instanceof DOMException) return; // closed meanwhile
      if (!(error instanceof Refusal)) throw error;
      fill(place, h("p", { class: "problem", role: "alert" }, error.message));
    },
  );
  return place;
}

function contentsOf(answered: readonly Answered[] | null, strings: Strings): HTMLElement[] {
  const s = strings.orders;
  if (answered === null) return [section(s.answers, "", h("p", { class: "hint note" }, s.needsAuthorityPub))];
  if (!answered.length) return [];
  const rows = answered.map((one) => {
    const what = [one.vehicle, s.kinds[one.kind] ?? one.kind, one.number.slice(0, 8)].filter((word) => word !== "").join(", ");
    return h("li", { class: CLASSES[one.verdict] },
      h("strong", {}, s.verdicts[one.verdict]), h("span", {}, what), h("span", { lang: "en" }, one.said));
  });
  return [section(s.answers, s.answersHint, h("ul", { class: "findings" }, ...rows))];
}
