/** PURE. Words inside of a PNG: `iTXt` chunks behind its header (PNG specification, third edition, 11.3.3.3). */
import { type Bytes, joined, viewOf } from "./boxes.ts";
import { ascii, u32 } from "./making.ts";

const HEADER_BYTES = 8 + 25; // the signature, and IHDR whole

/** `png` with `words` by keyword (Latin letters, at most 79). */
export function withWords(png: Bytes, words: Readonly<Record<string, string>>): Bytes {
  const chunks = Object.entries(words).map(([keyword, text]) =>
    chunk("iTXt", joined([ascii(keyword), new Uint8Array(5), new TextEncoder().encode(text)])));
  return joined([png.subarray(0, HEADER_BYTES), ...chunks, png.subarray(HEADER_BYTES)]);
}

function chunk(kind: string, data: Bytes): Bytes {
  const body = joined([ascii(kind), data]);
  return joined([u32(data.length), body, u32(crc32(body))]);
}

/** As PNG has it (annex D): the polynomial of ISO 3309. */
export function crc32(data: Uint8Array): number {
  const view = viewOf(data);
  let crc = 0xffffffff;
  for (let index = 0; index < view.byteLength; index++) {
    crc ^= view.getUint8(index);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
