/** PURE. Boxes made: numbers and bytes in the order of ISO/IEC 14496-12. */
import { type Bytes, joined, viewOf } from "./boxes.ts";

/** A box around `payload` (4.2). */
export function box(kind: string, ...payload: readonly Uint8Array[]): Bytes {
  const size = payload.reduce((sum, piece) => sum + piece.length, 8);
  return joined([u32(size), ascii(kind), ...payload]);
}

/** A box with version and flags around `payload` (4.2). */
export function fullBox(kind: string, version: number, flags: number, ...payload: readonly Uint8Array[]): Bytes {
  return box(kind, u32(((version << 24) | flags) >>> 0), ...payload);
}

export function ascii(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Numbers of 32 bits, signed or not. */
export function u32(...values: readonly number[]): Bytes {
  return u32List(values);
}

/** The same, of however many. */
export function u32List(values: readonly number[]): Bytes {
  const bytes = new Uint8Array(4 * values.length);
  const view = viewOf(bytes);
  values.forEach((value, index) => view.setUint32(4 * index, value >>> 0));
  return bytes;
}

/** Numbers of 64 bits, signed or not. */
export function u64(...values: readonly number[]): Bytes {
  return u64List(values);
}

/** The same, of however many. */
export function u64List(values: readonly number[]): Bytes {
  const bytes = new Uint8Array(8 * values.length);
  const view = viewOf(bytes);
  values.forEach((value, index) => view.setBigInt64(8 * index, BigInt(value)));
  return bytes;
}
