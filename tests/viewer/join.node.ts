/**
 * Joins segments as the page does, for tests/viewer/test_join.py: `join.mjs OUT MAX_PART_BYTES FROM_S UNTIL_S SEGMENT…`, of
 * two seconds each where a clip is wanted.
 */
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { argv, stdout } from "node:process";
import { Cutter } from "../../recorder/office/viewer/src/media/cut.ts";
import { Joiner } from "../../recorder/office/viewer/src/media/join.ts";
import { Places } from "../../recorder/office/viewer/src/media/places.ts";

const [out = "", maxPartBytes, fromS, untilS, ...segments] = argv.slice(2);

async function create(name: string) {
  const path = join(out, name);
  const file: FileHandle = await open(`${path}.part`, "wx");
  return {
    write: async (data: Uint8Array) => void (await file.write(data)),
    patch: async (position: number, data: Uint8Array) => {
      const again = await open(`${path}.part`, "r+");
      await again.write(data, 0, data.length, position);
      await again.close();
    },
    end: async () => {
      await file.close();
      await rename(`${path}.part`, path);
    },
    drop: async () => {
      await file.close();
      await rm(`${path}.part`);
    },
  };
}

const span = { fromS: Number(fromS), untilS: Number(untilS) };
const cutter = fromS === "-" ? undefined : new Cutter(span, new Places());
const joiner = new Joiner({ name: "film", create, maxPartBytes: Number(maxPartBytes) || undefined, cutter });
const problems: string[][] = [];
for (const [index, segment] of segments.entries()) {
  problems.push(await joiner.addSegment(createReadStream(segment, { highWaterMark: 50_000 }), index * 2));
}
stdout.write(JSON.stringify({ films: await joiner.finish(), problems }));
