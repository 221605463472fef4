/**
 * Pages and lists that are handed on: custody report, player page, hash sheets. Made of elements in a document that loads
 * and runs nothing; how text becomes harmless in a file is the browser's own serializer.
 */
import type { Finding, Journey, VerdictName } from "../model.ts";
import type { Bytes } from "../media/boxes.ts";
import type { Film } from "../media/join.ts";
import { lengthOf, sizeOf } from "./format.ts";
import { languages } from "../strings.ts";
import type { Saved } from "./session.ts";
import type { Shelved } from "./shelf.ts";

const REPORT_STYLE = `
body { font: 11pt/1.45 system-ui, sans-serif; color: #111; background: #fff; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6em; margin-bottom: 0; } h2 { font-size: 1.25em; margin-top: 2.2em; border-top: 1px solid #999; padding-top: .8em; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; font-weight: 600; padding: .6em 0 .2em; }
th, td { text-align: left; vertical-align: top; padding: .25em .6em .25em 0; border-bottom: 1px solid #ccc; }
th { font-weight: 600; } td.hash { font: 8pt/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
.verdict { font-size: 1.1em; padding: .6em .8em; border-left: .4em solid #2a6f2a; }
.consistent { border-color: #a36a00; } .wrong { border-color: #a01515; } .small { font-size: .85em; color: #444; }
@page { margin: 18mm; } @media print { body { margin: 0; max-width: none; } tr, .verdict { break-inside: avoid; } thead { display: table-header-group; } }
`;
const PLAYER_STYLE = `body{font:12pt/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}
video{width:100%;background:#000}code{overflow-wrap:anywhere;font-size:.8em}`;
/** As the command's report has it (`recorder/office/report.py`). */
const VERDICTS: Readonly<Record<VerdictName, string>> = {
  attested: "Everything that was checked is consistent with what the recorder known to this office signed.",
  consistent: "Everything that was checked is consistent in itself, but was signed by a recorder this office does not know.",
  wrong: "Something is wrong; it is listed below.",
};
const LIMITS = [
  "A signature shows that the recorder's key was used, and that nothing was changed since. Whoever had full control of the recorder before could have signed something else.",
  "Times are the recorder's, in UTC. How far its clock could be trusted stands beside each.",
  "Hashes are SHA-256 of the encrypted body of each segment, as it lay on the recorder.",
];

export interface ReportFacts {
  readonly verdict: VerdictName;
  readonly findings: readonly Finding[];
  readonly journeys: readonly Journey[];
  readonly now: Date;
}

/** The custody report, a page for printing. */
export function report(facts: ReportFacts): Page {
  const page = new Page("Custody report", REPORT_STYLE, "default-src 'none'; style-src 'unsafe-inline'");
  page.add("h1", "Custody report");
  page.add("p", `Made ${shown(facts.now.toISOString())} UTC by the cabin-recorder viewer. For the record: who made it and why belongs beside it, with a signature.`, "small");
  page.add("p", `${capital(facts.verdict)}. ${VERDICTS[facts.verdict]}`, `verdict ${facts.verdict}`);
  for (const [title, severity] of [["What is wrong", "wrong"], ["Remarks", "note"]] as const) {
    const rows = facts.findings.filter((finding) => finding.severity === severity);
    if (rows.length) page.table(title, ["Where", "What"], rows.map((f) => [[f.journey, f.file].filter(Boolean).join("/"), f.text]));
  }
  for (const journey of facts.journeys) journeyIn(page, journey);
  page.add("h2", "What this report can say");
  page.list(LIMITS);
  return page;
}

function journeyIn(page: Page, journey: Journey): void {
  page.add("h2", `${journey.vehicleName}: journey ${journey.name}`);
  const known = journey.knownAs ? `known to this office as ${journey.knownAs}` : "not known to this office";
  const signer = journey.fingerprint ? `recorder ${journey.fingerprint}, ${known}` : "nobody whose manifest can be read";
  page.add("p", `Signed by ${signer}. ${journey.files} files, ${sizeOf(journey.sizeBytes)}, in folder ${journey.folder} of the stick.`);
  if (journey.clock) page.add("p", `Measured at the export: ${journey.clock}.`);
  if (!journey.story.length) {
    page.add("p", "The recorder's log of this journey could not be read; what happened is not known.");
    return;
  }
  page.table("What happened", ["UTC", "What", "The clock was"], journey.story.map((m) => [shown(m.at), m.text, m.clock]));
  page.table(
    "Segments",
    ["No.", "First frame", "Last frame", "Bytes", "SHA-256", "Gaps", "Found"],
    journey.segments.map((s) => [
      String(s.number), shown(s.began), shown(s.ended) || "not known", String(s.sizeBytes), s.sha256 || "not in the log",
      s.gaps.map((gap) => gap.text).join("; ") || "none", s.state,
    ]),
    4,
  );
}

/** A page that plays the films beside it, without script and without a key. */
export function playerPage(films: readonly Film[], to: string, reference: string): string {
  const page = new Page("Recordings", PLAYER_STYLE, "default-src 'none'; media-src 'self' file:; style-src 'unsafe-inline'");
  page.add("h1", "Recordings");
  page.add("p", `Handed to ${to}, reference ${reference}. How they were checked is in report.html; sha256sum -c SHA256SUMS shows that nothing was changed since.`);
  for (const { name, durationS } of films) {
    page.add("h2", name);
    page.film(name);
    page.add("p", `${durationS.toFixed(1)} seconds.`);
  }
  return page.text;
}

/** As `sha256sum -c` takes it. */
export function sums(files: readonly Shelved[]): Bytes {
  return encoded(files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""));
}

/** The sheet of everything saved, for people and for `sha256sum -c`, which passes over the lines with a `#`. */
export function hashSheet(saved: readonly Saved[], now: Date): Bytes {
  const head = [`# Saved with the cabin-recorder viewer, ${shown(now.toISOString())} UTC. SHA-256 of each file.`, "# sha256sum -c checks them."];
  const lines = saved.flatMap(({ name, sha256, of, sizeBytes }) => [`# ${of.replace(/[\r\n]/g, " ")}, ${sizeBytes} bytes`, `${sha256}  ${name}`]);
  return encoded(`${[...head, ...lines].join("\n")}\n`);
}

export function encoded(text: string): Bytes {
  return new TextEncoder().encode(text);
}

/** How long, how large: for a hash sheet. */
export function filmWords(journey: Journey, film: Film): string {
  return `${journey.vehicle}, journey ${journey.name}, ${lengthOf(film.durationS, languages.en)}, ${film.pictures} pictures`;
}

/** Spelled so that this page, of which the script is a part, holds one style for whoever looks for it by its tag. */
function tag(name: string): string {
  return `<${name}>`;
}

/** A document apart: elements in it load nothing, and it is only ever read. */
export class Page {
  readonly #doc: Document;

  constructor(title: string, private readonly style: string, policy: string) {
    this.#doc = document.implementation.createHTMLDocument(title);
    this.#doc.documentElement.lang = "en";
    const charset = this.#doc.createElement("meta");
    charset.setAttribute("charset", "utf-8");
    const csp = this.#doc.createElement("meta");
    csp.httpEquiv = "Content-Security-Policy";
    csp.content = policy;
    this.#doc.head.prepend(charset, csp);
  }

  /** The page as a file. Its style, a constant, is no element before: this page's own policy holds there, too. */
  get text(): string {
    const page = new XMLSerializer().serializeToString(this.#doc.documentElement);
    return `<!DOCTYPE html>\n${page.replace("</head>", () => `${tag("style")}${this.style}${tag("/style")}</head>`)}\n`;
  }

  /** For printing: the page's body in this document, text for text. */
  get printable(): Node[] {
    return [...this.#doc.body.childNodes].map((node) => document.importNode(node, true));
  }

  add(tag: "h1" | "h2" | "p", text: string, name = ""): void {
    const element = this.#doc.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    this.#doc.body.append(element);
  }

  list(items: readonly string[]): void {
    const list = this.#doc.createElement("ul");
    list.className = "small";
    for (const item of items) list.append(this.#with("li", item));
    this.#doc.body.append(list);
  }

  film(name: string): void {
    const video = this.#doc.createElement("video");
    video.setAttribute("controls", "");
    video.setAttribute("preload", "metadata");
    video.setAttribute("src", name);
    this.#doc.body.append(video);
  }

  table(title: string, heads: readonly string[], rows: readonly (readonly string[])[], hashColumn = -1): void {
    const table = this.#doc.createElement("table");
    table.createCaption().textContent = title;
    const head = table.createTHead().insertRow();
    for (const name of heads) {
      const cell = this.#with("th", name);
      cell.setAttribute("scope", "col");
      head.append(cell);
    }
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      row.forEach((text, index) => {
        const cell = line.insertCell();
        cell.textContent = text;
        if (index === hashColumn) cell.className = "hash";
      });
    }
    this.#doc.body.append(table);
  }

  #with(tag: string, text: string): HTMLElement {
    const element = this.#doc.createElement(tag);
    element.textContent = text;
    return element;
  }
}

/** An ISO 8601 time as people read it; its milliseconds are in the log. */
function shown(iso: string): string {
  return iso.slice(0, 19).replace("T", " ");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
