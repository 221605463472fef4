/** English or Welsh. */
import { type Language, languages, type Strings } from "../strings.ts";
import { h } from "./dom.ts";

export function languageSelect(strings: Strings, language: Language, onChange: (language: Language) => void): HTMLElement {
  const select = h("select", { class: "language", aria: { label: strings.desk.language } });
  for (const [tag, { language: name }] of Object.entries(languages)) {
    select.append(h("option", { value: tag, lang: tag, selected: tag === language }, name));
  }
  select.addEventListener("change", () => onChange(select.value as Language));
  return select;
}
