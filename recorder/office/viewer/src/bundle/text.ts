/**
 * Texts from a stick, made fit to be shown, and put in order; word for word as Python does it, for `verify` is Python.
 *
 * Rules: what is shown is printable ASCII of bounded length, so that no name can turn a line around, hide in it, or
 * look like another.
 */

const SHOWN_CHARACTERS = 80;

/** A name fit to be shown: escaped where it is not plain, and of bounded length (`recorder/office/findings.py`). */
export function shown(name: string): string {
  return shownUpTo(SHOWN_CHARACTERS, name);
}

/** The same, of so many characters at most. */
export function shownUpTo(most: number, name: string): string {
  const text = /^[ -~]*$/.test(name) ? name : quoted(name, true).slice(1, -1);
  return text.length <= most ? text : `${text.slice(0, most - 3)}...`;
}

/** Python's `repr` of a text. `isAscii`: its `ascii`. */
export function quoted(text: string, isAscii = false): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inside = Array.from(text, (character) => escaped(character, quote, isAscii)).join("");
  return quote + inside + quote;
}

/** The first `count` characters, as Python counts them. */
export function beginning(text: string, count: number): string {
  return Array.from(text).slice(0, count).join("");
}

/** The order of Python's `sorted`: by code points, not by halves of them. */
export function byCodePoint(one: string, other: string): number {
  const [ones, others] = [Array.from(one), Array.from(other)];
  for (let at = 0; at < Math.min(ones.length, others.length); at += 1) {
    const difference = (ones[at]?.codePointAt(0) ?? 0) - (others[at]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return ones.length - others.length;
}

function escaped(character: string, quote: string, isAscii: boolean): string {
  if (character === quote || character === "\\") return `\\${character}`;
  const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0) ?? 0;
  const isPlain = code < 0x7f ? code >= 0x20 : !isAscii && !/[\p{C}\p{Z}]/u.test(character);
  if (isPlain) return character;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
}
