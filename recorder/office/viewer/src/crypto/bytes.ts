/** Bytes as texts and back. Rules: strict, for what is signed has one spelling; nothing here guesses. */

export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function utf8(text: string): Bytes {
  return encoder.encode(text) as Bytes;
}

/** Each byte a character of the same number: for searching, and for text that is ASCII. */
export function latin1(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) parts.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  return parts.join("");
}

/** The text of UTF-8; null where it is none. A byte order mark stays what it is, a character. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes of base64 with padding; null where a character or the padding is wrong. */
export function fromBase64(text: string): Bytes | null {
  return BASE64.test(text) ? Uint8Array.from(atob(text), (character) => character.charCodeAt(0)) : null;
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(latin1(bytes));
}

/** Base64 without padding, in the one spelling that it has; null for any other. */
export function fromBareBase64(text: string): Bytes | null {
  const bytes = fromBase64(text + "=".repeat((4 - (text.length % 4)) % 4));
  return bytes !== null && toBase64(bytes).replace(/=+$/, "") === text ? bytes : null;
}

export function concat(...parts: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
