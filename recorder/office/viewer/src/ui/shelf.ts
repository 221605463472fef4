/**
 * Where files are saved: straight into a folder where the browser can write to one, else as downloads, in parts.
 *
 * Rules: a name appears whole or not at all; what is there already is not touched; every file is read again where it lies,
 * and its SHA-256 is of what was read. Downloads pass through memory: at most 200 MB at a time, and the next part waits
 * until a person has seen to the last.
 */
import type { FilmFile } from "../media/join.ts";
import type { Bytes } from "../media/boxes.ts";
import { BundleError, blocks } from "../bundle/reading.ts";
import { newSha256 } from "../crypto/hashing.ts";

/** Named in the way a person is told of it. */
export class ShelfError extends Error {
  override readonly name = "ShelfError";
  constructor(
    readonly kind: "in-the-way" | "not-empty" | "refused",
    readonly file: string,
    message = "",
  ) {
    super(message);
  }
}

export interface Shelved {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface Shelf {
  /** How large a film may become in one file. */
  readonly maxPartBytes: number | undefined;
  /** What was saved so far, in its order. */
  readonly saved: readonly Shelved[];
  create(name: string): Promise<FilmFile>;
  put(name: string, data: Bytes): Promise<void>;
}

export const PART_BYTES = 190_000_000; // and what is between two key frames: together below 200 MB
const PIECE_BYTES = 8 << 20;

/** Whether films can be streamed into a folder. */
export function canPickFolder(): boolean {
  return typeof window.showDirectoryPicker === "function";
}

/** Asks for a folder; null where the person changed their mind. `mustBeEmpty`: ShelfError where it is not. */
export async function pickFolder(mustBeEmpty: boolean): Promise<Shelf | null> {
  let folder: FileSystemDirectoryHandle;
  try {
    folder = await window.showDirectoryPicker({ mode: "readwrite" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return null;
    throw error;
  }
  if (mustBeEmpty) {
    for await (const _ of folder.keys()) throw new ShelfError("not-empty", folder.name);
  }
  return new FolderShelf(folder);
}

class FolderShelf implements Shelf {
  readonly maxPartBytes = undefined;
  readonly saved: Shelved[] = [];

  constructor(private readonly folder: FileSystemDirectoryHandle) {}

  async create(name: string): Promise<FilmFile> {
    await this.#free(name);
    const handle = await this.folder.getFileHandle(name, { create: true });
    const out = await handle.createWritable(); // beside the name, until it is closed
    return {
      write: (data) => refused(name, out.write(data)),
      patch: (position, data) => refused(name, out.write({ type: "write", position, data })),
      end: async () => {
        await refused(name, out.close());
        this.saved.push(await shelved(name, await handle.getFile()));
      },
      drop: async () => {
        await out.abort().catch(() => undefined); // it may be closed already
        await this.folder.removeEntry(name);
      },
    };
  }

  async put(name: string, data: Bytes): Promise<void> {
    const file = await this.create(name);
    await file.write(data);
    await file.end();
  }

  async #free(name: string): Promise<void> {
    try {
      await this.folder.getFileHandle(name);
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotFoundError") return;
    }
    throw new ShelfError("in-the-way", name);
  }
}

/** `next` is asked before each file but the first: until it resolves, nothing more is made. */
export class DownloadShelf implements Shelf {
  readonly maxPartBytes = PART_BYTES;
  readonly saved: Shelved[] = [];

  constructor(private readonly next: (lastName: string) => Promise<void>) {}

  async create(name: string): Promise<FilmFile> {
    const last = this.saved.at(-1);
    if (last !== undefined) await this.next(last.name);
    let head: Bytes | null = null; // the first piece: what is written over later lies in it
    let pieces: Blob[] = []; // which the browser keeps outside of the page
    let memory: Bytes | null = null; // of the next one
    let filledBytes = 0;
    return {
      write: (data) => {
        if (head === null) {
          head = data.slice();
          return Promise.resolve();
        }
        memory ??= new Uint8Array(PIECE_BYTES);
        for (let from = 0; from < data.length; ) {
          const part = data.subarray(from, from + memory.length - filledBytes);
          memory.set(part, filledBytes);
          from += part.length;
          filledBytes += part.length;
          if (filledBytes < memory.length) continue;
          pieces.push(new Blob([memory]));
          filledBytes = 0;
        }
        return Promise.resolve();
      },
      patch: (position, data) => {
        head?.set(data, position);
        return Promise.resolve();
      },
      end: async () => {
        const type = name.endsWith(".mp4") ? "video/mp4" : "application/octet-stream";
        const rest = memory?.subarray(0, filledBytes) ?? new Uint8Array();
        const blob = new Blob([...(head === null ? [] : [head]), ...pieces, rest], { type });
        pieces = [];
        memory = null;
        this.saved.push(await shelved(name, blob));
        download(name, blob);
      },
      drop: () => {
        pieces = [];
        memory = null;
        return Promise.resolve();
      },
    };
  }

  async put(name: string, data: Bytes): Promise<void> {
    const file = await this.create(name);
    await file.write(data);
    await file.end();
  }
}

const KEEP_MS = 60_000; // a browser asks where to; the page cannot know when it has begun to read

/** Hand a file to the browser. */
export function download(name: string, blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  window.setTimeout(() => URL.revokeObjectURL(link.href), KEEP_MS);
}

/** Read again where it lies. */
export async function shelved(name: string, file: Blob): Promise<Shelved> {
  const hash = await newSha256();
  try {
    for await (const block of blocks(file)) hash.update(block);
  } catch (error) {
    if (error instanceof BundleError) throw new ShelfError("refused", name, error.message);
    throw error;
  }
  return { name, sizeBytes: file.size, sha256: hash.digest() };
}

async function refused(name: string, act: Promise<void>): Promise<void> {
  try {
    await act;
  } catch (error) {
    throw new ShelfError("refused", name, error instanceof Error ? error.message : String(error));
  }
}
