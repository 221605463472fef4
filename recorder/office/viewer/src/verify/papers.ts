/**
 * The papers of each journey on a stick: its manifest, its logs, and the name that only these tell
 * (`recorder/office/papers.py`).
 *
 * Rules: a manifest is believed that is signed by the key it names and lies in the folder it names; a journey has the
 * id that its proven log gives it, and its folder's name until then; two folders never go by one id.
 */

import type { Contents, JourneyFolder } from "../bundle/contents.ts";
import { MANIFEST_NAME, type Manifest, MAX_MANIFEST_BYTES, parseManifest, vehicleFolder } from "../bundle/manifest.ts";
import { BundleError, readRange } from "../bundle/reading.ts";
import { beginning, byCodePoint, quoted } from "../bundle/text.ts";
import type { Identity } from "../crypto/age.ts";
import { sha256Hex } from "../crypto/hashing.ts";
import { type Found, note, wrong } from "./findings.ts";
import { KeyError, PublicKey } from "./key.ts";
import { type JourneyLogs, readLogs } from "./logs.ts";

/**
 * What is known of one folder. `signed` and `key`: null where the manifest cannot be believed. `logs`: null where that
 * is so, or no identity was given. `name`: what the journey goes by here. `manifestSha256`: empty without `signed`.
 */
export interface Papers {
  readonly folder: JourneyFolder;
  readonly signed: Manifest | null;
  readonly key: PublicKey | null;
  readonly logs: JourneyLogs | null;
  readonly name: string;
  readonly manifestSha256: string;
}

interface Signed {
  readonly signed: Manifest;
  readonly key: PublicKey;
  readonly manifestSha256: string;
}

/** The papers of every journey, in the order of their names. What is wrong with them goes into `findings`. */
export async function readPapers(
  contents: Contents,
  identities: readonly Identity[] | null,
  findings: Found[],
): Promise<readonly Papers[]> {
  const papers = new Map<string, Papers>();
  const folders = new Set(contents.journeys.map(({ name }) => name));
  for (const folder of contents.journeys) {
    const believed = await manifestOf(folder, findings);
    const logs = identities === null || believed === null ? null : await readLogs(folder, believed.key, identities);
    let name = logs?.journey ?? folder.name;
    if (papers.has(name) || (name !== folder.name && folders.has(name))) {
      findings.push(note(folder.name, "", `is a second copy of journey ${name}, and goes by its folder's name.`));
      name = folder.name;
    }
    const { signed = null, key = null, manifestSha256 = "" } = believed ?? {};
    papers.set(name, { folder, signed, key, logs, name, manifestSha256 });
  }
  return [...papers.values()].sort((one, other) => byCodePoint(one.name, other.name));
}

/** What each journey goes by, by its folder's name. */
export function idsOf(papers: readonly Papers[]): ReadonlyMap<string, string> {
  return new Map(papers.map(({ folder, name }) => [folder.name, name]));
}

async function manifestOf(folder: JourneyFolder, findings: Found[]): Promise<Signed | null> {
  try {
    return await believedManifest(folder);
  } catch (error) {
    if (!(error instanceof BundleError || error instanceof KeyError)) throw error;
    findings.push(wrong(folder.name, MANIFEST_NAME, error.message));
    return null;
  }
}

async function believedManifest(folder: JourneyFolder): Promise<Signed> {
  const file = folder.files.get(MANIFEST_NAME);
  if (file === undefined) throw new BundleError("is missing; the export was interrupted, or it was removed.");
  const data = await readRange(file, 0, MAX_MANIFEST_BYTES + 1);
  const [signed, signedBytes, signature] = parseManifest(data);
  const key = PublicKey.parse(signed.recorder);
  if (!key.isSigner(signedBytes, signature)) {
    throw new BundleError(`is not signed by the recorder it names (${key.fingerprint}); it was altered.`);
  }
  if (vehicleFolder(signed.vehicle) !== folder.vehicle || signed.journey !== folder.name) {
    const belongs = `${quoted(signed.vehicle)} ${quoted(beginning(signed.journey, 40))}`;
    throw new BundleError(`belongs to ${belongs}; folders were renamed or exchanged.`);
  }
  return { signed, key, manifestSha256: sha256Hex(data) };
}
