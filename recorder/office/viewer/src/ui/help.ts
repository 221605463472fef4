/** The help sheet: all keys, three sentences, and the switch for single keys (WCAG 2.2, 2.1.4). */
import type { Strings } from "../strings.ts";
import { button, freshId, h } from "./dom.ts";
import { SHEET } from "./keys.ts";

export function helpSheet(strings: Strings, areKeysOn: boolean, onSwitch: (areOn: boolean) => void): HTMLDialogElement {
  const s = strings.help;
  const id = freshId("help");
  const box = h("input", { type: "checkbox", checked: areKeysOn });
  box.addEventListener("change", () => onSwitch(box.checked));
  const sheet = h(
    "dialog",
    { class: "help", aria: { labelledby: id } },
    h("header", {}, h("h2", { id }, s.heading), button({ label: s.closeSheet, text: s.closeSheet }, () => sheet.close())),
    h("div", { class: "groups" },
      ...SHEET.map(([group, rows]) =>
        h("section", {}, h("h3", {}, s.groups[group]),
          h("dl", {}, ...rows.map(([name, keys]) =>
            h("div", {}, h("dt", {}, ...keys.split(" ").flatMap((key) => [h("kbd", {}, key), " "])), h("dd", {}, s.keys[name]))))))),
    h("label", { class: "check" }, box, s.singleKeys),
    ...s.words.map((text) => h("p", {}, text)),
  );
  sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
  return sheet;
}
