/**
 * Who can open what was recorded: the office's own readers alone, or somebody more (`recorder/office/readers.py`).
 *
 * A stanza of age does not say whose it is, so two things are compared: the recipients that the signed log names with
 * those that the office knows, and the number of stanzas in each header with the number of those names.
 */

import { asText, isArray } from "../bundle/json.ts";
import type { JourneyFolder } from "../bundle/contents.ts";
import { EXPORT_BEGAN, MANIFEST_NAME, segmentNumber } from "../bundle/manifest.ts";
import { byCodePoint, shown } from "../bundle/text.ts";
import { AgeError, BundleError, type Identity, readHeader } from "../crypto/age.ts";
import { hex } from "../crypto/bytes.ts";
import { recipientBytes } from "../crypto/identity.ts";
import { type Found, wrong } from "./findings.ts";
import type { JourneyLogs } from "./logs.ts";
import type { Trust } from "./trust.ts";
import * as words from "./words.ts";

/** A finding about each set of readers, and each file, that the office should know of. */
export async function strangeReaders(
  folder: JourneyFolder,
  logs: JourneyLogs,
  trust: Trust,
  identities: readonly Identity[],
): Promise<readonly Found[]> {
  const known = new Set([...trust.recipients, ...identities.map(({ recipient }) => hex(recipient))]);
  const [recorded, exported] = [named(logs, words.JOURNEY_BEGAN), named(logs, EXPORT_BEGAN)];
  const findings: Found[] = [];
  const strangers = [...new Set([...recorded, ...exported])].filter((text) => {
    const bytes = recipientBytes(text);
    return bytes === null || !known.has(hex(bytes));
  });
  if (strangers.length > 0) {
    const text = `can also be opened with ${strangers.map(shown).join(", ")}, which this office does not know: `;
    const isWrong = trust.recipients.size > 0;
    const mend = isWrong
      ? "if it is a colleague's, add it to recipient.txt; else somebody has added a reader on the recorder."
      : "name the folder of the office's keys (--keys), whose recipient.txt has its own.";
    findings.push({ journey: folder.name, file: "", text: text + mend, isWrong });
  }
  for (const name of [...folder.files.keys()].filter((each) => each !== MANIFEST_NAME).sort(byCodePoint)) {
    const readers = segmentNumber(name) === null ? exported : recorded;
    const count = await stanzas(folder, name);
    if (readers.length > 0 && count !== null && count !== readers.length) {
      const text = `opens to ${count} keys, and the recorder's log names ${readers.length}: somebody may have added a reader.`;
      findings.push(wrong(folder.name, name, text));
    }
  }
  return findings;
}

/** The recipients that the newest such entry of the journey's log names. */
function named(logs: JourneyLogs, event: string): readonly string[] {
  const said = logs.entries.findLast((entry) => entry.event === event)?.data.get("recipients");
  return isArray(said) ? said.map(asText) : [];
}

/** To how many keys a file opens; null where that cannot be read, which is said where the file is checked. */
async function stanzas(folder: JourneyFolder, name: string): Promise<number | null> {
  const file = folder.files.get(name);
  try {
    return file === undefined ? null : (await readHeader(file)).stanzas.length;
  } catch (error) {
    if (error instanceof AgeError || error instanceof BundleError) return null;
    throw error;
  }
}
