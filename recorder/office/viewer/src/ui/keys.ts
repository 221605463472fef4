/** Every act that the page knows, and the key for it. Keys are left alone where somebody types, and can be switched off. */
import type { Strings } from "../strings.ts";

export type Act =
  | "toggle" | "back" | "on" | "minuteBack" | "minuteOn" | "stepBack" | "stepOn" | "slower" | "faster" | "begin" | "end"
  | "previousEvent" | "nextEvent" | "zoomIn" | "zoomOut" | "whole" | "left" | "right" | "up" | "down" | "full"
  | "mute" | "louder" | "quieter" | "still" | "markIn" | "markOut" | "unmark" | "previousJourney" | "nextJourney"
  | "tab1" | "tab2" | "tab3" | "tab4" | "help";

const KEYS: Readonly<Record<string, Act>> = {
  " ": "toggle", k: "toggle", ArrowLeft: "back", ArrowRight: "on", "shift ArrowLeft": "minuteBack", "shift ArrowRight": "minuteOn",
  ",": "stepBack", ".": "stepOn", j: "slower", l: "faster", Home: "begin", End: "end", "[": "previousEvent", "]": "nextEvent",
  "+": "zoomIn", "=": "zoomIn", "-": "zoomOut", "0": "whole", a: "left", d: "right", w: "up", s: "down", f: "full",
  m: "mute", ArrowUp: "louder", ArrowDown: "quieter", p: "still", i: "markIn", o: "markOut", x: "unmark",
  b: "previousJourney", n: "nextJourney", "1": "tab1", "2": "tab2", "3": "tab3", "4": "tab4", "?": "help",
};

type Group = keyof Strings["help"]["groups"];

/** What the help sheet lists, in its order. */
export const SHEET: readonly (readonly [Group, readonly (readonly [keyof Strings["help"]["keys"], string])[]])[] = [
  ["play", [["toggle", "Space K"], ["back", "← →"], ["minute", "Shift+← Shift+→"], ["step", ", ."], ["slower", "J L"], ["ends", "Home End"], ["events", "[ ]"]]],
  ["look", [["zoom", "+ −"], ["whole", "0"], ["pan", "W A S D"], ["full", "F"]]],
  ["sound", [["mute", "M"], ["volume", "↑ ↓"]]],
  ["save", [["still", "P"], ["marks", "I O"], ["unmark", "X"]]],
  ["go", [["journeys", "B N"], ["tabs", "1 2 3 4"], ["help", "?"]]],
];

/** What a key means here; null where it is none of ours, or belongs to what has the focus. */
export function actOf(event: KeyboardEvent, areSingleKeysOn: boolean): Act | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const target = event.target instanceof HTMLElement ? event.target : null;
  const isSlider = target?.getAttribute("role") === "slider";
  if (target?.closest("input, select, textarea, dialog")) return null;
  if (target?.closest("[role=tab]") && event.key.startsWith("Arrow")) return null;
  if (event.key === " " && target?.closest("button, summary, a")) return null;
  const isPlain = event.key.length === 1 && event.key !== " ";
  if (isPlain && !areSingleKeysOn) return null;
  if ((event.key === "ArrowUp" || event.key === "ArrowDown" || event.key === "Home" || event.key === "End") && !isSlider && target?.closest(".panel")) return null;
  const key = isPlain ? event.key.toLowerCase() : event.key;
  return KEYS[event.shiftKey && !isPlain ? `shift ${key}` : key] ?? null;
}
