/**
 * A bundle opened and proven: `verify` and what a page needs besides, in whatever thread it is called.
 *
 * Rules: data flows one way, picked files → contents → papers → findings → verdict; nothing is written; secrets are in
 * closures and in no value that goes out, but for `secrets`, which the worker's client hands to the worker that plays.
 */

import { type Contents, look } from "./bundle/contents.ts";
import { AgeError, BundleError, type Identity, openPayload } from "./crypto/age.ts";
import type { Bytes } from "./crypto/bytes.ts";
import { MANIFEST_NAME } from "./bundle/manifest.ts";
import { byCodePoint } from "./bundle/text.ts";
import { readIdentities } from "./crypto/identity.ts";
import { whenReady } from "./crypto/sodium.ts";
import {
  type BlobLike,
  type Checked,
  type Finding,
  type Journey,
  type KnownTexts,
  type Opened,
  type OpenRequest,
  type PickedFile,
  type Progress,
  Refusal,
  type Segment,
} from "./model.ts";
import { plaintextOf } from "./plaintext.ts";
import { answersIn } from "./verify/answers.ts";
import { clockSentence } from "./verify/clocks.ts";
import { checkFiles, missingSegments } from "./verify/files.ts";
import { type Found, firstOfEach, type JourneyFacts, journeyLine, linesOf, verdictOf, wrong } from "./verify/findings.ts";
import { Logbook } from "./verify/logbook.ts";
import { ledgerFindings, newestHeads } from "./verify/ledgers.ts";
import { exportedAlong } from "./verify/logs.ts";
import { idsOf, type Papers, readPapers } from "./verify/papers.ts";
import { strangeReaders } from "./verify/readers.ts";
import { timelineOf } from "./verify/timeline.ts";
import { Trust } from "./verify/trust.ts";

/** A bundle while it is open, where its files are. */
export interface Bundle extends Omit<Opened, "plaintext" | "close" | "log"> {
  readonly identities: readonly Identity[];
  file(journey: string, segment: number): BlobLike | null;
  log(journey: string): Bytes | null;
}

/** Everything in this thread; what the page uses is in `client.ts`. Throws Refusal. */
export async function openHere({ bundle, identity, passphrase, known }: OpenRequest): Promise<Opened> {
  await whenReady();
  const identities = identity === null ? null : await readIdentities(identity, passphrase);
  const opened = await openBundle(bundle, identities, known);
  return {
    ...opened,
    plaintext: (journey, segment, fromByte = 0) => {
      return plaintextOf(opened.file(journey, segment) ?? new Blob([]), opened.identities, fromByte);
    },
    log: (journey) => Promise.resolve(opened.log(journey)),
    close: () => undefined,
  };
}

/** Reads manifests and logs, and no segment yet. `identities`: null where only the outside is to be checked. */
export async function openBundle(
  picked: readonly PickedFile[],
  identities: readonly Identity[] | null,
  known: KnownTexts,
): Promise<Bundle> {
  const trust = Trust.read(known);
  const contents = look(picked);
  if (identities !== null) await requireAKey(contents, identities);
  const found = [...contents.findings];
  const papers = await readPapers(contents, identities, found);
  const early = [...found, ...papers.flatMap(({ logs }) => logs?.findings ?? []), ...ledgerFindings(papers, trust)];
  const journeys = papers.map((one) => journeyOf(one, trust));
  const byName = new Map(papers.map((one) => [one.name, one]));
  return {
    journeys,
    findings: firstOfEach(early, idsOf(papers)),
    isInsideChecked: identities !== null,
    identities: identities ?? [],
    check: (onProgress, signal) => check(papers, journeys, found, identities, trust, onProgress, signal),
    file: (journey, segment) => {
      const name = journeys.find((one) => one.name === journey)?.segments.find(({ number }) => number === segment)?.name;
      return (name === undefined ? null : byName.get(journey)?.folder.files.get(name)) ?? null;
    },
    log: (journey) => byName.get(journey)?.logs?.text ?? null,
    answers: async () => {
      if (contents.orders === null) return [];
      return known.authority === undefined ? null : await answersIn(contents.orders, known.authority, trust);
    },
  };
}

/** Throws Refusal where the identities open nothing in the whole bundle. One journey of another office is none. */
async function requireAKey(contents: Contents, identities: readonly Identity[]): Promise<void> {
  let isRefused = false;
  for (const { files } of contents.journeys) {
    for (const name of [...files.keys()].filter((each) => each !== MANIFEST_NAME).sort(byCodePoint)) {
      try {
        await openPayload(files.get(name) ?? new Blob([]), identities);
        return;
      } catch (error) {
        if (!(error instanceof AgeError || error instanceof BundleError)) throw error;
        isRefused ||= error instanceof AgeError && error.kind === "no-match"; // damage is said where it is checked
      }
    }
  }
  if (isRefused) {
    const sentence = "None of the given keys opens anything in this bundle; give the key it was made for.";
    throw new Refusal("opens-nothing", sentence);
  }
}

/** The whole of `verify`, in its order. */
async function check(
  papers: readonly Papers[],
  journeys: readonly Journey[],
  found: readonly Found[],
  identities: readonly Identity[] | null,
  trust: Trust,
  onProgress: (progress: Progress) => void,
  signal?: AbortSignal,
): Promise<Checked> {
  const totalBytes = papers.reduce((sum, { folder, signed }) => sum + (signed === null ? 0 : sizeOf(folder.files)), 0);
  let doneBytes = 0;
  const findings = [...found];
  for (const one of papers) {
    findings.push(...notTheRecorder(one, trust));
    if (one.signed !== null) {
      const reading = (file: string, moreBytes: number): void => {
        signal?.throwIfAborted();
        doneBytes += moreBytes;
        onProgress({ doneBytes, totalBytes, journey: one.name, file });
      };
      findings.push(...(await checkFiles(one.folder, one.signed, one.logs, identities, reading)));
    }
    if (one.logs !== null) {
      findings.push(...one.logs.findings, ...missingSegments(one.folder, one.logs));
      findings.push(...(await strangeReaders(one.folder, one.logs, trust, identities ?? [])));
      findings.push(...missingJourneys(one, papers));
    }
  }
  findings.push(...ledgerFindings(papers, trust));
  const said = firstOfEach(findings, idsOf(papers));
  const verdict = verdictOf(said, journeys.every(({ knownAs }) => knownAs !== ""));
  const lines = journeys.map(({ line }) => line);
  return {
    verdict,
    findings: said,
    lines: linesOf(lines, said, identities !== null, verdict),
    journeys: journeys.map((journey) => withStates(journey, said)),
    heads: verdict.name === "attested" ? trust.advanced(newestHeads(papers, trust)) : null,
  };
}

/** Signed anew, by a key that is not the one by which this vehicle's recorder is known. */
function notTheRecorder({ folder, key }: Papers, trust: Trust): readonly Found[] {
  const known = key === null ? null : trust.otherKeyOf(folder.vehicle, key);
  if (key === null || known === null) return [];
  const text =
    `is signed by ${key.fingerprint}, and the recorder of ${folder.vehicle} that this office knows is ` +
    `${known}: another recorder made this, or somebody signed it anew.`;
  return [wrong(folder.name, MANIFEST_NAME, text)];
}

/** Journeys that went onto the stick in the same export, and are not on it. */
function missingJourneys(one: Papers, papers: readonly Papers[]): readonly Found[] {
  const told = papers.flatMap(({ logs }) => (logs === null ? [] : [logs.journey]));
  const isAllTold = told.length === papers.length && !told.includes(null);
  const hidden = isAllTold ? "" : ", or is in a folder whose log cannot be read";
  const along = [...exportedAlong(one.logs?.ledger ?? [])].filter((journey) => !told.includes(journey));
  return along.sort(byCodePoint).map((journey) => {
    const text = `is missing${hidden}: it was exported to this stick along with others. `;
    return wrong(journey, "", `${text}Export again, or find who removed it.`);
  });
}

function journeyOf(one: Papers, trust: Trust): Journey {
  const { folder, key, logs, name, manifestSha256 } = one;
  const facts: JourneyFacts = {
    vehicle: folder.vehicle,
    folder: folder.name,
    journey: name,
    fingerprint: key?.fingerprint ?? "",
    knownAs: key === null ? "" : trust.nameOf(key),
    files: folder.files.size,
    sizeBytes: sizeOf(folder.files),
    clock: logs === null ? "" : clockSentence(logs.entries),
  };
  const { journey: _, ...shared } = facts;
  const log = new Logbook(logs?.entries ?? []);
  return {
    name,
    ...shared,
    vehicleName: one.signed?.vehicle ?? folder.vehicle,
    line: journeyLine(facts),
    ...timelineOf(folder, logs),
    consented: log.consented,
    hold: log.hold,
    manifestSha256,
  };
}

/** The states of segments as they are known once every byte was read. */
function withStates(journey: Journey, findings: readonly Finding[]): Journey {
  const wrongs = findings.filter((one) => one.severity === "wrong" && one.journey === journey.name);
  const segments = journey.segments.map((segment): Segment => {
    if (!segment.isHere) return segment;
    const finding = wrongs.find(({ file }) => file === segment.name);
    if (finding !== undefined) {
      const isUnknown = segment.state === "unknown" || finding.text.startsWith("is not in the manifest");
      return { ...segment, state: isUnknown ? "unknown" : "altered", sentence: `It ${finding.text}` };
    }
    return segment.state === "unchecked" && journey.fingerprint !== "" ? { ...segment, state: "whole" } : segment;
  });
  return { ...journey, segments };
}

function sizeOf(files: ReadonlyMap<string, BlobLike>): number {
  return [...files.values()].reduce((sum, { size }) => sum + size, 0);
}
