/**
 * What a check may say, and the verdict that follows from all it said (`recorder/office/findings.py`, word for word).
 *
 * Rules: a finding names the file and is either wrong or a remark; the verdict is computed from findings, never set.
 */

import { shown } from "../bundle/text.ts";
import type { Finding, Verdict, VerdictName } from "../model.ts";

/** A finding while `journey` is still the folder's name. */
export interface Found {
  readonly journey: string;
  readonly file: string;
  readonly text: string;
  readonly isWrong: boolean;
}

const EXIT_CODES: Readonly<Record<VerdictName, number>> = { attested: 0, wrong: 3, consistent: 4 };
const SENTENCES: Readonly<Record<VerdictName, string>> = {
  attested: "attested: everything that was checked is as a recorder that this office knows signed it.",
  consistent:
    "consistent, but by an unknown recorder: compare its fingerprint with the one that its installation " +
    "printed, and if they are the same, enrol it (cabin-recorder enrol).",
  wrong: "wrong: each line above that begins with WRONG says what, and where.",
};
const NOT_INSIDE = "The inside was not checked; give the office's key with -i for that.";

export function wrong(journey: string, file: string, text: string): Found {
  return { journey, file, text, isWrong: true };
}

export function note(journey: string, file: string, text: string): Found {
  return { journey, file, text, isWrong: false };
}

/** What is known of one journey, for the line that `verify` prints of it. */
export interface JourneyFacts {
  readonly vehicle: string;
  readonly folder: string;
  readonly journey: string;
  readonly fingerprint: string;
  readonly knownAs: string;
  readonly files: number;
  readonly sizeBytes: number;
  readonly clock: string;
}

export function journeyLine(one: JourneyFacts): string {
  const signer = one.fingerprint === "" ? "nobody" : `recorder ${one.fingerprint}`;
  const known = one.knownAs === "" ? ", not known here" : ` (${shown(one.knownAs)})`;
  const place = one.folder === one.journey ? "" : ` (folder ${one.folder})`;
  const size = `${one.files} files, ${tenths(one.sizeBytes / 1e6)} MB`;
  const clock = one.clock === "" ? "" : `; ${one.clock}`;
  return `${one.vehicle} ${one.journey}${place}: ${size}, signed by ${signer}${known}${clock}`;
}

export function verdictOf(findings: readonly Finding[], areAllKnown: boolean): Verdict {
  const isWrong = findings.some((finding) => finding.severity === "wrong");
  const name: VerdictName = isWrong ? "wrong" : areAllKnown ? "attested" : "consistent";
  return { name, sentence: SENTENCES[name], exitCode: EXIT_CODES[name] };
}

/** All that `verify` prints. */
export function linesOf(
  journeys: readonly string[],
  findings: readonly Finding[],
  isInsideChecked: boolean,
  verdict: Verdict,
): readonly string[] {
  const inside = isInsideChecked ? [] : [NOT_INSIDE];
  return [...journeys, ...findings.map(({ line }) => line), ...inside, `Verdict: ${verdict.sentence}`];
}

/** The first wrong thing of each file, and all that is not about a file. `ids`: of journeys, by their folders. */
export function firstOfEach(found: readonly Found[], ids: ReadonlyMap<string, string>): readonly Finding[] {
  const [said, places] = [new Set<string>(), new Set<string>()];
  return found.flatMap((one) => {
    const [whole, place] = [JSON.stringify(one), JSON.stringify([one.journey, one.file])];
    if (said.has(whole)) return [];
    said.add(whole);
    if (one.file !== "" && places.has(place)) return [];
    if (one.isWrong) places.add(place);
    return [finding(one, ids.get(one.journey) ?? one.journey)];
  });
}

function finding({ file, text, isWrong }: Found, journey: string): Finding {
  const place = [journey, file].filter((part) => part !== "").join("/");
  const line = `${isWrong ? "WRONG" : "note "} ${place === "" ? "" : `${place}: `}${text}`;
  return { severity: isWrong ? "wrong" : "note", journey, file, text, line };
}

/** Python's `.1f`: of two neighbours that are as near, the even one; `toFixed` takes the larger. */
export function tenths(value: number): string {
  const fixed = value.toFixed(1);
  const isTie = Number.isInteger(Math.abs(value) * 4) && !Number.isInteger(value * 2); // .25 and .75 are exact ties
  if (!isTie) return fixed;
  const lower = Math.floor(Math.abs(value) * 10);
  const even = lower % 2 === 0 ? lower : lower + 1;
  return `${value < 0 ? "-" : ""}${(even / 10).toFixed(1)}`;
}
