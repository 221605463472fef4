/**
 * PURE. The boxes of an MP4, whatever pieces they come in (ISO/IEC 14496-12, 4.2); `recorder/mp4.py`, in the browser.
 *
 * Rules: every size comes from a file that anyone may have written, and is checked against the bytes at hand before it is
 * believed; what does not fit is a MediaError, never a wrong picture.
 */

export type Bytes = Uint8Array<ArrayBuffer>;

/** What is wrong with footage, as a sentence for a person. */
export class MediaError extends Error {
  override readonly name = "MediaError";
}

/** One whole box. `data`: header and payload; `kind`: its four characters. */
export interface Box {
  readonly kind: string;
  readonly data: Bytes;
  readonly headerBytes: number;
}

export const MIN_BOX_BYTES = 8;
const LARGE_HEADER_BYTES = 16;
/** 64 MiB: a fragment is a fraction of a second; a larger box is not ours. */
export const MAX_BOX_BYTES = 1 << 26;

export function payloadOf(box: Box): Bytes {
  return box.data.subarray(box.headerBytes);
}

export function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

export function joined(pieces: readonly Uint8Array[]): Bytes {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let position = 0;
  for (const piece of pieces) {
    whole.set(piece, position);
    position += piece.length;
  }
  return whole;
}

/** Four characters, or as many as there are; one byte each. */
export function latin1(data: Uint8Array): string {
  return String.fromCharCode(...data);
}

/**
 * Cuts a stream of bytes into whole boxes. What is pushed is copied, once, into memory that is used again: a box is good
 * until the next push.
 */
export class BoxSplitter {
  #memory = new Uint8Array();
  #start = 0; // in the memory, of what belongs to no box yet
  #end = 0;
  #neededBytes = 0; // below which no box can be whole

  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** The boxes that `data` completes; MediaError where no box can begin, after those before it were given. */
  *push(data: Uint8Array): Generator<Box, void, void> {
    this.#hold(data);
    if (this.pendingBytes < this.#neededBytes) return;
    const held = this.#memory.subarray(0, this.#end);
    for (;;) {
      const start = this.#start;
      const extent = extentOf(held, start);
      this.#neededBytes = extent?.size ?? 0;
      if (extent === null || this.pendingBytes < extent.size) return;
      this.#start += extent.size;
      yield { kind: extent.kind, data: held.subarray(start, start + extent.size), headerBytes: extent.headerBytes };
    }
  }

  #hold(data: Uint8Array): void {
    const pending = this.#memory.subarray(this.#start, this.#end);
    const bytes = pending.length + data.length;
    if (bytes > this.#memory.length) {
      this.#memory = new Uint8Array(this.#end === 0 ? bytes : 2 * bytes); // a box of many pieces is copied few times
    }
    this.#memory.set(pending); // also onto itself
    this.#memory.set(data, pending.length);
    [this.#start, this.#end] = [0, bytes];
  }
}

/** The boxes that fill `data`, a file's or a box's payload; MediaError where the last one is cut off. */
export function boxesIn(data: Uint8Array): Box[] {
  const splitter = new BoxSplitter();
  const boxes = [...splitter.push(data)];
  if (splitter.pendingBytes) {
    throw new MediaError(`The MP4 is cut off: ${splitter.pendingBytes} bytes at its end are no whole box.`);
  }
  return boxes;
}

/** The one box of a kind; MediaError where there is none, or more. */
export function only(boxes: readonly Box[], kind: string): Box {
  const found = boxes.filter((box) => box.kind === kind);
  if (found.length !== 1 || found[0] === undefined) {
    throw new MediaError(`The MP4 has ${found.length} boxes ${kind} where one belongs.`);
  }
  return found[0];
}

/** What is in the box `data`, which must be of that kind. */
export function insideOf(data: Uint8Array, kind: string): Box[] {
  const box = boxesIn(data)[0];
  if (box?.kind !== kind) throw new MediaError(`The MP4 has no ${kind} box where one belongs.`);
  return boxesIn(payloadOf(box));
}

/** Reads numbers from front to back; MediaError where the box is shorter than what it must hold. */
export class Reader {
  readonly #view: DataView;
  #position = 0;

  constructor(data: Uint8Array) {
    this.#view = viewOf(data);
  }

  skip(bytes: number): this {
    this.#position += bytes;
    return this;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  /** Beyond 2^53 it is not exact, and no time or place of ours. */
  i64(): number {
    return Number(this.#view.getBigInt64(this.#take(8)));
  }

  #take(bytes: number): number {
    const at = this.#position;
    if (at + bytes > this.#view.byteLength) {
      throw new MediaError("The MP4 has a box that is shorter than what it must hold.");
    }
    this.#position += bytes;
    return at;
  }
}

function extentOf(data: Uint8Array, start: number): { kind: string; headerBytes: number; size: number } | null {
  if (data.length - start < MIN_BOX_BYTES) return null;
  const view = viewOf(data);
  let size = view.getUint32(start);
  const kind = latin1(data.subarray(start + 4, start + 8));
  let headerBytes = MIN_BOX_BYTES;
  if (size === 1) {
    if (data.length - start < LARGE_HEADER_BYTES) return null;
    size = Number(view.getBigUint64(start + MIN_BOX_BYTES));
    headerBytes = LARGE_HEADER_BYTES;
  }
  if (size < headerBytes || size > MAX_BOX_BYTES) {
    throw new MediaError(`This is not an MP4 of a recorder: a box ${JSON.stringify(kind)} claims ${size} bytes.`);
  }
  return { kind, headerBytes, size };
}
