/**
 * Elements, made one by one. The one way in which text gets onto the page is as a text node: whatever a bundle says, it is
 * never markup, never a link, never a style.
 */

export type Child = Node | string | null | false;

interface Common {
  readonly class?: string;
  readonly id?: string;
  readonly title?: string;
  readonly lang?: string;
  readonly hidden?: boolean;
  readonly role?: string;
  /** `aria-…`, without the prefix. */
  readonly aria?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, string>>;
  readonly on?: { readonly [K in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[K]) => void };
}

/** `h("p", { class: "hint" }, "text", child)`. Other members than the common ones are properties of the element. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: Common & Partial<Omit<HTMLElementTagNameMap[K], keyof Common | "style">> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  const { class: name, aria, data, on, role, ...properties } = options as Common & Record<string, unknown>;
  if (name) element.className = name;
  if (role) element.setAttribute("role", role);
  for (const [key, value] of Object.entries(aria ?? {})) element.setAttribute(`aria-${key}`, value);
  Object.assign(element.dataset, data);
  for (const [key, value] of Object.entries(on ?? {})) element.addEventListener(key, value as EventListener);
  Object.assign(element, properties);
  element.append(...children.filter((child): child is Node | string => child !== null && child !== false));
  return element;
}

/** The children of `parent` are these now. */
export function fill(parent: Element, ...children: readonly Child[]): void {
  parent.replaceChildren(...children.filter((child): child is Node | string => child !== null && child !== false));
}

const SVG = "http://www.w3.org/2000/svg";

/** A drawing of 24 by 24, of which nothing is read aloud. `path`: a constant of ours. */
export function drawing(path: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

let ids = 0;

/** An id that no other element has. */
export function freshId(prefix: string): string {
  ids += 1;
  return `${prefix}-${ids}`;
}

/** A button with a drawing, or with words, or with both. `label` is read aloud and shown when pointed at. */
export function button(
  options: { readonly label: string; readonly icon?: string; readonly text?: string; readonly class?: string; readonly keys?: string },
  act: () => void,
): HTMLButtonElement {
  const { label, icon, text, keys } = options;
  const made = h(
    "button",
    {
      type: "button",
      class: options.class ?? (icon && !text ? "icon" : ""),
      title: keys ? `${label} (${keys})` : label,
      on: { click: act },
    },
    icon ? drawing(icon) : null,
    text ?? null,
  );
  if (!text) made.setAttribute("aria-label", label);
  if (keys) made.setAttribute("aria-keyshortcuts", keys.replaceAll(" ", "+"));
  return made;
}
