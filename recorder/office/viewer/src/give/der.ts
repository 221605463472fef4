/** As much of DER (ITU-T X.690) as a protected key takes to read: values within values, numbers, names of algorithms. */

import type { Bytes } from "../crypto/bytes.ts";

export interface Der {
  readonly tag: number;
  readonly content: Bytes;
}

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const INTEGER = 0x02;

/** The one value in `bytes`; undefined where there is none, or something behind it. */
export function derIn(bytes: Bytes): Der | undefined {
  const values = valuesIn(bytes);
  return values?.length === 1 ? values[0] : undefined;
}

/** The values in a sequence; none where it is no sequence. */
export function children(one: Der | undefined): readonly Der[] {
  return one?.tag === SEQUENCE ? (valuesIn(one.content) ?? []) : [];
}

/** A small positive number; null for anything else. */
export function numberIn(one: Der | undefined): number | null {
  if (one?.tag !== INTEGER || one.content.length === 0 || one.content.length > 4) return null;
  return one.content.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** Whether it is the algorithm of this name, numbers with dots. */
export function isOid(one: Der | undefined, name: string): boolean {
  return one?.tag === OBJECT_IDENTIFIER && oidIn(one.content) === name;
}

function oidIn(content: Bytes): string {
  const parts: number[] = [];
  let value = 0;
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    parts.push(value);
    value = 0;
  }
  const [both = 0, ...rest] = parts;
  const first = Math.min(2, Math.floor(both / 40));
  return [first, both - first * 40, ...rest].join(".");
}

function valuesIn(bytes: Bytes): Der[] | null {
  const values: Der[] = [];
  let at = 0;
  while (at < bytes.length) {
    const [tag = 0, first = 0] = bytes.subarray(at, at + 2);
    const extra = first < 0x80 ? 0 : first & 0x7f;
    if (extra > 3 || first === 0x80 || at + 2 + extra > bytes.length) return null;
    const lengthBytes = bytes.subarray(at + 2, at + 2 + extra);
    const length = extra === 0 ? first : lengthBytes.reduce((sum, byte) => sum * 256 + byte, 0);
    const start = at + 2 + extra;
    if (start + length > bytes.length) return null;
    values.push({ tag, content: bytes.slice(start, start + length) });
    at = start + length;
  }
  return values;
}
