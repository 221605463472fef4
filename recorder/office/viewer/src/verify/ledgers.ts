/**
 * The copies of recorders' ledgers on a stick: against one another, and against what this office has seen before
 * (`recorder/office/ledgers.py`).
 *
 * Rules: only copies that are proven to their end are compared; where two tell different pasts, both cannot be true,
 * and that is said of the shorter one; what the office saw before is in a copy, or in another on the same stick that
 * goes on behind its last line.
 */

import { LEDGER_NAME } from "../bundle/manifest.ts";
import { type Found, wrong } from "./findings.ts";
import type { LedgerCopy } from "./logs.ts";
import type { Papers } from "./papers.ts";
import { against, type SeenHead, type Trust } from "./trust.ts";

/** What is wrong, or cannot be known, about the ledgers. */
export function ledgerFindings(papers: readonly Papers[], trust: Trust): readonly Found[] {
  const findings: Found[] = [];
  for (const [key, copies] of copiesByRecorder(papers)) {
    const seen = trust.heads.get(key);
    for (const { one, copy } of copies) {
      const said = seen === undefined || isAsSeen(copy, copies, seen) ? null : against(copy, seen);
      if (said !== null) findings.push({ journey: one.folder.name, file: LEDGER_NAME, ...said });
    }
    for (const [index, { one, copy }] of copies.entries()) {
      const longer = copies[index + 1];
      const seq = longer === undefined ? null : copy.chain.partsFrom(longer.copy.chain);
      if (longer === undefined || seq === null) continue;
      const text =
        `tells another past than that of ${longer.one.name} from entry ${seq} on; ` +
        "on the recorder it was put back to an older state and written on.";
      findings.push(wrong(one.folder.name, LEDGER_NAME, text));
    }
  }
  return findings;
}

/** How far the ledger of each enrolled recorder reaches, by the copies on this stick. */
export function newestHeads(papers: readonly Papers[], trust: Trust): ReadonlyMap<string, SeenHead> {
  return new Map(
    [...copiesByRecorder(papers)].flatMap(([key, copies]) => {
      const copy = copies.at(-1)?.copy;
      if (copy === undefined || !trust.recorders.has(key)) return [];
      return [[key, { seq: copy.chain.lastSeq, head: copy.chain.hashes.at(-1) ?? "", utc: copy.utc }] as const];
    }),
  );
}

/** Whether one of `copies` has both the line that was seen and the last line of `copy`. */
function isAsSeen({ chain: { lastSeq, hashes } }: LedgerCopy, copies: Copies, seen: SeenHead): boolean {
  return copies.some(
    ({ copy: { chain } }) => chain.hashOf(seen.seq) === seen.head && chain.hashOf(lastSeq) === hashes.at(-1),
  );
}

type Copies = { readonly one: Papers; readonly copy: LedgerCopy }[];

/** The shortest first. */
function copiesByRecorder(papers: readonly Papers[]): ReadonlyMap<string, Copies> {
  const copies = new Map<string, Copies>();
  for (const one of papers) {
    const copy = one.logs?.copy ?? null;
    if (one.key === null || copy === null) continue;
    copies.set(one.key.text, [...(copies.get(one.key.text) ?? []), { one, copy }]);
  }
  for (const each of copies.values()) {
    each.sort((one, other) => Number(one.copy.chain.lastSeq - other.copy.chain.lastSeq));
  }
  return copies;
}
