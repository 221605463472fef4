/** Pieces of the panels: a section with its words, a field with its label. */
import { type Child, freshId, h } from "./dom.ts";

export function section(title: string, hint: string, ...children: readonly Child[]): HTMLElement {
  return h("section", { class: "part" }, h("h3", {}, title), hint ? h("p", { class: "hint" }, hint) : null, ...children);
}

export function field(label: string, input: HTMLInputElement | HTMLSelectElement): HTMLElement {
  input.id ||= freshId("field");
  return h("div", { class: "field" }, h("label", { htmlFor: input.id }, label), input);
}

export function textInput(options: { readonly type?: string; readonly maxLength?: number } = {}): HTMLInputElement {
  return h("input", { type: options.type ?? "text", maxLength: options.maxLength ?? 500, autocomplete: "off", spellcheck: false });
}

/** An ISO time as a `datetime-local` has it, taken as UTC: ms since 1970, or NaN. */
export function utcMsOf(input: HTMLInputElement): number {
  return Date.parse(`${input.value}Z`);
}

export function localValueOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}
