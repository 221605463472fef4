// For each bundle of `bundles.py`: does the viewer say what `verify` says, word for word? One line of JSON a case.

import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { webcrypto } from "node:crypto";
import { basename, join, relative } from "node:path";
import { openHere } from "../../recorder/office/viewer/src/core.ts";
import { type BlobLike, type Checked, type KnownTexts, type PickedFile, Refusal } from "../../recorder/office/viewer/src/model.ts";

interface Case {
  readonly name: string;
  readonly top: string;
  readonly with_key: boolean;
  readonly identity: string;
  readonly known: Readonly<Record<keyof KnownTexts, string | null>>;
}

/** A file on the disk, read as browsers read a File. */
class DiskBlob implements BlobLike {
  constructor(
    private readonly path: string,
    readonly size: number,
    private readonly offset = 0,
  ) {}

  slice(start = 0, end = this.size): DiskBlob {
    const last = Math.min(end, this.size);
    const first = Math.min(start, last);
    return new DiskBlob(this.path, last - first, this.offset + first);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    const file = openSync(this.path, "r");
    readSync(file, bytes, 0, this.size, this.offset);
    closeSync(file);
    return Promise.resolve(bytes.buffer);
  }
}

function picked(folder: string): PickedFile[] {
  const top = basename(folder);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { path: `${top}/${relative(folder, path)}`, file: new DiskBlob(path, statSync(path).size) };
    });
}

async function said(root: string, one: Case): Promise<unknown> {
  const identity = one.with_key ? new TextEncoder().encode(`# a key\n${one.identity}\n`) : null;
  const known = Object.fromEntries(Object.entries(one.known).filter(([, text]) => text !== null)) as KnownTexts;
  try {
    const opened = await openHere({ bundle: picked(join(root, one.name, one.top)), identity, passphrase: "", known });
    const checked: Checked = await opened.check(() => undefined);
    const { lines, verdict, heads, findings, journeys } = checked;
    const states = journeys.map(({ segments }) => segments.map(({ state }) => state));
    const stories = journeys.map(({ story, segments }) => ({
      moments: story.map(({ at, clock, text }) => [at, clock, text]),
      segments: segments.map(({ number, began, ended, sha256, gaps }) => [number, began, ended, sha256, gaps.map(({ text }) => text)]),
    }));
    const isInOrder = journeys.every(({ marks, segments, lengthS }) =>
      marks.every(({ atS, untilS }) => atS >= 0 && atS <= lengthS && (untilS === null || (untilS >= atS && untilS <= lengthS))) &&
      segments.every(({ startS, endS }) => Number.isFinite(startS) && (endS === null || endS >= startS)));
    return { lines, exit_code: verdict.exitCode, heads, findings, states, stories, isInOrder };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.kind, message: error.message };
    throw error;
  }
}

globalThis.crypto ??= webcrypto as Crypto; // older versions of node have it elsewhere
const [root = ""] = process.argv.slice(2);
const cases = JSON.parse(readFileSync(join(root, "cases.json"), "utf8")) as Case[];
const answers = [];
for (const one of cases) answers.push(await said(root, one));
if (Object.keys(Object.prototype).length > 0 || "polluted" in {}) throw new Error("a bundle has reached Object.prototype");
process.stdout.write(JSON.stringify(answers));
