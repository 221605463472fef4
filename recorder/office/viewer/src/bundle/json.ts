/**
 * JSON read so that nothing is lost, and written as the recorder writes it.
 *
 * Why not JSON.parse: the numbers of a log are nanoseconds, which do not fit its numbers; 1 and 1.0 are two things to a
 * signature; and a name like `__proto__` is a name. Rules: integers are bigint, others number, objects Map; deep or
 * endless input is refused, never followed.
 */

import { byCodePoint } from "./text.ts";

export type Json = null | boolean | string | bigint | number | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

const MAX_DEPTH = 900; // Python's reader ends near a thousand; no recorder writes more than ten
const MAX_DIGITS = 4300; // Python reads no longer integer (sys.int_info)
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\r\n]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t",
};
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
};

/** The value in `text`; null where it is no JSON. (A JSON null is null as well: nothing here may be one.) */
export function parseJson(text: string): Json {
  try {
    return new Reader(text).whole();
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** As Python's `json.dumps` without white space: ASCII; members of objects in their order. */
export function renderJson(value: Json): string {
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (typeof value === "string") return renderedText(value);
  if (typeof value === "number") return renderedFloat(value);
  if (isArray(value)) return `[${value.map(renderJson).join(",")}]`;
  return `{${[...value].map(([name, member]) => `${renderedText(name)}:${renderJson(member)}`).join(",")}}`;
}

/** The same value with the members of all its objects sorted by name. */
export function sorted(value: Json): Json {
  if (isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return new Map([...value].sort(([one], [other]) => byCodePoint(one, other)).map(([name, each]) => [name, sorted(each)]));
}

export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map;
}

/** What Python takes for an int: an integer, and a truth value too. Null for anything else. */
export function asInteger(value: Json | undefined): bigint | null {
  if (typeof value === "bigint") return value;
  return typeof value === "boolean" ? BigInt(value) : null;
}

/** What Python's `str` says of a value. */
export function asText(value: Json | undefined): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "bigint") return String(value);
  return typeof value === "number" ? renderedFloat(value) : renderJson(value);
}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  whole(): Json {
    const value = this.value(0);
    this.space();
    if (this.at !== this.text.length) throw new SyntaxError();
    return value;
  }

  private value(depth: number): Json {
    if (depth > MAX_DEPTH) throw new SyntaxError();
    this.space();
    switch (this.text[this.at]) {
      case "{":
        return this.object(depth);
      case "[":
        return this.array(depth);
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    if (this.isNext("{", "}")) return members;
    do {
      this.space();
      const name = this.string();
      this.space();
      this.expect(":");
      members.set(name, this.value(depth + 1));
    } while (this.goesOn("}"));
    return members;
  }

  private array(depth: number): readonly Json[] {
    const items: Json[] = [];
    if (this.isNext("[", "]")) return items;
    do items.push(this.value(depth + 1));
    while (this.goesOn("]"));
    return items;
  }

  private isNext(open: string, close: string): boolean {
    this.expect(open);
    this.space();
    if (this.text[this.at] !== close) return false;
    this.at += 1;
    return true;
  }

  private goesOn(close: string): boolean {
    this.space();
    if (this.text[this.at] === ",") {
      this.at += 1;
      return true;
    }
    this.expect(close);
    return false;
  }

  private string(): string {
    this.expect('"');
    const parts: string[] = [];
    for (;;) {
      parts.push(this.match(PLAIN));
      const character = this.text[this.at];
      this.at += 1;
      if (character === '"') break;
      if (character !== "\\") throw new SyntaxError(); // a control character, or the end
      parts.push(this.escape());
    }
    const text = parts.join("");
    if (/\p{Surrogate}/u.test(text)) throw new SyntaxError(); // half of a pair
    return text;
  }

  private escape(): string {
    const letter = this.text[this.at] ?? "";
    this.at += 1;
    if (letter !== "u") {
      const meant = ESCAPES[letter];
      if (meant === undefined) throw new SyntaxError();
      return meant;
    }
    const digits = this.text.slice(this.at, this.at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new SyntaxError();
    this.at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  private number(): Json {
    const text = this.match(NUMBER);
    if (text === "") throw new SyntaxError();
    if (!/[.eE]/.test(text)) {
      if (text.length > MAX_DIGITS) throw new SyntaxError();
      return BigInt(text);
    }
    const value = Number(text);
    if (!Number.isFinite(value)) throw new SyntaxError();
    return value;
  }

  private word<Value extends Json>(word: string, value: Value): Value {
    if (!this.text.startsWith(word, this.at)) throw new SyntaxError();
    this.at += word.length;
    return value;
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private space(): void {
    this.match(SPACE);
  }

  private expect(character: string): void {
    if (this.text[this.at] !== character) throw new SyntaxError();
    this.at += 1;
  }
}

function renderedText(text: string): string {
  const inside = text.replace(/["\\\b\f\n\r\t]|[^ -~]/g, (character) => {
    return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `"${inside}"`;
}

/** Python's `repr` of a float: the same shortest digits as JavaScript's, spelt otherwise outside of 1e-4 to 1e16. */
export function renderedFloat(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const [digits = "", exponent = "0"] = value.toExponential().split("e");
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) {
    const sign = power < 0 ? "-" : "+";
    return `${digits}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const plain = String(value); // plain there in JavaScript too, which has exponents below 1e-6 and from 1e21 on
  return plain.includes(".") ? plain : `${plain}.0`;
}
