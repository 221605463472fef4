/** What can be taken along: a picture, a clip, the film, hashes, the report, and a folder to hand on. */
import type { Journey } from "../model.ts";
import type { Places } from "../media/places.ts";
import type { Strings } from "../strings.ts";
import { button, h } from "./dom.ts";
import { discloseSection } from "./disclosing.ts";
import { film } from "./filming.ts";
import { clockOf, fileNameOf, lengthOf, sizeOf } from "./format.ts";
import { encoded, filmWords, hashSheet, type Page, report, sums } from "./papers.ts";
import { section } from "./parts.ts";
import type { Session } from "./session.ts";
import { canPickFolder, download, DownloadShelf, pickFolder, type Shelf, shelved } from "./shelf.ts";
import type { Task, TaskLine } from "./task.ts";

export interface GiveOptions {
  readonly session: Session;
  readonly journey: Journey;
  readonly places: Places;
  readonly strings: Strings;
  readonly tasks: TaskLine;
  readonly atS: () => number;
  readonly saveStill: () => void;
  readonly onClip: () => void;
}

/** A folder where the browser has a picker for it, else downloads; null where the person changed their mind. */
export async function openShelf(strings: Strings, task: Task, mustBeEmpty = false): Promise<Shelf | null> {
  return canPickFolder() ? pickFolder(mustBeEmpty) : new DownloadShelf((last) => task.ask(strings.give.nextPart(last)));
}

export class GivePanel {
  readonly element: HTMLElement;
  readonly #from = h("output", {});
  readonly #until = h("output", {});
  readonly #saveClip: HTMLButtonElement;
  readonly #waiting: HTMLElement[] = []; // for the check
  readonly #waitingButtons: HTMLButtonElement[] = [];

  constructor(private readonly options: GiveOptions) {
    const { strings, journey } = options;
    const s = strings.give;
    const bytes = journey.segments.reduce((sum, segment) => sum + (segment.isHere ? segment.plaintextBytes : 0), 0);
    const isFilm = journey.segments.some((segment) => segment.isHere);
    this.#saveClip = button({ label: s.saveClip, text: s.saveClip }, () => this.#film(true));
    const saveFilm = button({ label: s.saveFilm, text: s.saveFilm, class: "primary" }, () => this.#film(false));
    saveFilm.disabled = !isFilm;
    const saveReport = button({ label: s.saveReport, text: s.saveReport }, () => void this.#report());
    const printReport = button({ label: s.printReport, text: s.printReport, class: "plain" }, () => this.#print());
    this.#waitingButtons.push(saveReport, printReport);
    this.element = h(
      "div",
      { class: "give" },
      section(s.still, s.stillHint, button({ label: s.saveStill, text: s.saveStill }, options.saveStill)),
      section(s.clip, s.clipHint,
        h("div", { class: "marks" },
          h("span", {}, s.from), this.#from, button({ label: `${s.from}: ${s.here}`, text: s.here, class: "plain" }, () => this.#mark("fromS")),
          h("span", {}, s.until), this.#until, button({ label: `${s.until}: ${s.here}`, text: s.here, class: "plain" }, () => this.#mark("untilS"))),
        this.#saveClip),
      section(s.film, s.filmHint(sizeOf(bytes), lengthOf(journey.lengthS, strings)), saveFilm),
      section(s.sheet, s.sheetHint, button({ label: s.saveSheet, text: s.saveSheet }, () => this.#sheet())),
      section(s.report, s.reportHint, h("div", { class: "row" }, saveReport, printReport), this.#later()),
      discloseSection(options, (element, ...buttons) => {
        this.#waiting.push(element);
        this.#waitingButtons.push(...buttons);
      }),
    );
    this.update();
  }

  /** The marks of the clip moved, or the check went on. */
  update(): void {
    const { session, journey } = this.options;
    const { fromS, untilS } = session.clip;
    this.#from.textContent = fromS === null ? "–" : clockOf(journey.zeroUtcMs, fromS, true);
    this.#until.textContent = untilS === null ? "–" : clockOf(journey.zeroUtcMs, untilS, true);
    this.#saveClip.disabled = fromS === null || untilS === null || untilS <= fromS;
    const isDone = session.check.is === "done";
    for (const element of this.#waiting) element.hidden = isDone;
    for (const one of this.#waitingButtons) one.disabled = !isDone;
  }

  #later(): HTMLElement {
    const element = h("p", { class: "hint" }, this.options.strings.give.needsCheck);
    this.#waiting.push(element);
    return element;
  }

  #mark(which: "fromS" | "untilS"): void {
    this.options.session.clip[which] = this.options.atS();
    this.options.onClip();
  }

  #film(isClip: boolean): void {
    const { session, journey, strings, tasks, places } = this.options;
    const s = strings.give;
    const { fromS, untilS } = session.clip;
    if (isClip && (fromS === null || untilS === null || untilS <= fromS)) return;
    const span = isClip ? { fromS: fromS ?? 0, untilS: untilS ?? 0 } : null;
    const base = fileNameOf(`${journey.vehicle}-${journey.name}`);
    const name = span === null ? base : `${base}-${clockOf(journey.zeroUtcMs, span.fromS).replaceAll(":", "")}-clip`;
    void tasks.run(async (task) => {
      const shelf = await openShelf(strings, task);
      if (shelf === null) return null;
      const made = await film({
        opened: session.opened, journey, places, name, span, shelf, signal: task.signal,
        onProgress: (done, total) => task.progress(`${name}.mp4`, done, total),
      });
      if (!made.films.length) return s.noSample;
      shelf.saved.forEach((file, index) => {
        const one = made.films[index];
        session.saved.push({ ...file, of: one === undefined ? name : filmWords(journey, one) });
      });
      await shelf.put(`${name}.sha256`, sums(shelf.saved));
      const said = s.saved(shelf.saved.map((file) => file.name).join(", "));
      return made.problems.length ? `${said}\n${s.withProblems}\n${made.problems.join("\n")}` : said;
    });
  }

  #sheet(): void {
    const { session, strings, tasks } = this.options;
    void tasks.run(async () => {
      if (!session.saved.length) return strings.give.sheetEmpty;
      download("SHA256SUMS", new Blob([hashSheet(session.saved, new Date())], { type: "text/plain" }));
      return strings.give.saved("SHA256SUMS");
    });
  }

  async #report(): Promise<void> {
    const { session, strings, tasks } = this.options;
    await tasks.run(async () => {
      const page = this.#reportPage();
      if (page === null) return null;
      const blob = new Blob([encoded(page.text)], { type: "text/html" });
      session.saved.push({ ...(await shelved("report.html", blob)), of: "Custody report" });
      download("report.html", blob);
      return strings.give.saved("report.html");
    });
  }

  /** The report is in the page while it is printed, and nothing else is then. */
  #print(): void {
    const page = this.#reportPage();
    if (page === null) return;
    const sheet = h("div", { class: "print-only", lang: "en" }, ...page.printable);
    document.body.append(sheet);
    document.body.classList.add("printing");
    window.print();
    document.body.classList.remove("printing");
    sheet.remove();
  }

  #reportPage(): Page | null {
    const { check } = this.options.session;
    if (check.is !== "done") return null;
    const { verdict, findings, journeys } = check.checked;
    return report({ verdict: verdict.name, findings, journeys, now: new Date() });
  }
}
