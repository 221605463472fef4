/**
 * What lies in a bundle, looked at as if anybody had put it there (`recorder/office/contents.py`).
 *
 * Rules: a name that no recorder makes is a finding and is left alone; what operating systems strew onto sticks is not
 * worth a word. A browser gives files only: empty folders, links and devices are not seen here, and not followed.
 */

import type { BlobLike, PickedFile } from "../model.ts";
import { Refusal } from "../model.ts";
import { type Found, note, wrong } from "../verify/findings.ts";
import { FOLDER, LEDGER_NAME, LOG_NAME, MANIFEST_NAME, segmentNumber } from "./manifest.ts";
import { byCodePoint, shown } from "./text.ts";

const ORDERS_FOLDER = "CABIN-ORDERS";
const MAX_FILES = 200_000;
const VEHICLE_NAME = /^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/;
const JOURNEY_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const STREWN = /^(?:\._.*|\.DS_Store|Thumbs\.db|desktop\.ini|\.cabin-recorder\.part)$/i;
const OURS: readonly string[] = [MANIFEST_NAME, LOG_NAME, LEDGER_NAME];

/** One journey's folder. `name`: the folder's; which journey it is only the log inside tells. */
export interface JourneyFolder {
  readonly vehicle: string;
  readonly name: string;
  readonly files: ReadonlyMap<string, BlobLike>;
}

export interface Contents {
  readonly journeys: readonly JourneyFolder[];
  /** What lies in the folder of orders, on the stick itself; null where there is none. */
  readonly orders: Tree | null;
  readonly findings: readonly Found[];
}

/** Everything in the folder that was picked: the stick, a copy of it, or its CABIN-EXPORT. Throws Refusal. */
export function look(picked: readonly PickedFile[]): Contents {
  const top = picked[0]?.path.split("/", 1)[0] ?? "";
  const tree = treeOf(picked, top);
  const root = top === FOLDER ? tree : tree.get(FOLDER);
  if (!(root instanceof Map)) {
    const text = `${shown(top)} is not a bundle: it has no folder ${FOLDER}.`;
    throw new Refusal("not-a-bundle", top === "" ? `This is not a bundle: it has no folder ${FOLDER}.` : text);
  }
  const findings: Found[] = [];
  const journeys = new Map<string, JourneyFolder>();
  for (const [vehicle, inVehicle] of folders(root, "", VEHICLE_NAME, findings)) {
    for (const [name, inJourney] of folders(inVehicle, vehicle, JOURNEY_NAME, findings)) {
      const other = journeys.get(name);
      if (other !== undefined) {
        findings.push(wrong(vehicle, name, `is here twice; only the one under ${other.vehicle} was looked at.`));
      } else {
        journeys.set(name, { vehicle, name, files: filesOf(inJourney, name, findings) });
      }
    }
  }
  if (journeys.size === 0 && findings.length === 0) {
    throw new Refusal("not-a-bundle", `${shown(top)} is an empty bundle: no journey was exported to it.`);
  }
  const orders = top === FOLDER ? undefined : tree.get(ORDERS_FOLDER);
  return { journeys: [...journeys.values()], orders: orders instanceof Map ? orders : null, findings };
}

/** Whether a recorder may have called a journey so. */
export function isPlain(name: string): boolean {
  return JOURNEY_NAME.test(name);
}

/** Numbers and names of the segments that are here, in order. */
export function segmentsOf(folder: JourneyFolder): readonly (readonly [number, string])[] {
  return [...folder.files.keys()]
    .flatMap((name) => {
      const number = segmentNumber(name);
      return number === null ? [] : [[number, name] as const];
    })
    .sort(([one, oneName], [other, otherName]) => one - other || byCodePoint(oneName, otherName));
}

/** A folder: its files and folders by their names. */
export type Tree = Map<string, Tree | BlobLike>;

function treeOf(picked: readonly PickedFile[], top: string): Tree {
  const tree: Tree = new Map();
  for (const { path, file } of picked) {
    const [first, ...parts] = path.split("/");
    const name = parts.pop();
    if (first !== top || name === undefined) continue;
    let place = tree;
    for (const part of parts) {
      const inside = place.get(part);
      const next: Tree = inside instanceof Map ? inside : new Map();
      if (next !== inside) place.set(part, next);
      place = next;
    }
    if (!place.has(name)) place.set(name, file);
  }
  return tree;
}

function folders(parent: Tree, place: string, plain: RegExp, findings: Found[]): [string, Tree][] {
  return entries(parent, place, findings).flatMap(([name, inside]): [string, Tree][] => {
    if (!(inside instanceof Map)) {
      findings.push(wrong(place, shown(name), "does not belong there and was left alone."));
    } else if (!plain.test(name)) {
      findings.push(wrong(place, shown(name), "is a folder that no recorder makes."));
    } else {
      return [[name, inside]];
    }
    return [];
  });
}

function filesOf(folder: Tree, place: string, findings: Found[]): ReadonlyMap<string, BlobLike> {
  const files = new Map<string, BlobLike>();
  for (const [name, inside] of entries(folder, place, findings)) {
    const isOurs = OURS.includes(name) || segmentNumber(name) !== null;
    if (isOurs && !(inside instanceof Map)) files.set(name, inside);
    else if (isOurs) {
      findings.push(wrong(place, shown(name), "is a link, a folder or a device instead of a file; it was not opened."));
    } else if (name.startsWith(".") && name.endsWith(".part")) {
      findings.push(note(place, shown(name), "is a copy that was interrupted; it can be deleted."));
    } else findings.push(wrong(place, shown(name), "does not belong there and was left alone."));
  }
  return files;
}

function entries(folder: Tree, place: string, findings: Found[]): [string, Tree | BlobLike][] {
  const found = [...folder].filter(([name]) => !STREWN.test(name)).sort(([one], [other]) => byCodePoint(one, other));
  if (found.length > MAX_FILES) {
    findings.push(wrong(place, "", `has more than ${MAX_FILES} entries; not all of them were looked at.`));
  }
  return found.slice(0, MAX_FILES + 1);
}
