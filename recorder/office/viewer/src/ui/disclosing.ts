/** The disclosure folder: film, log, report, player page, hashes, and the line of the register that makes it a disclosure. */
import { enterRegister } from "../give/index.ts";
import { button, h } from "./dom.ts";
import { film } from "./filming.ts";
import { fileNameOf } from "./format.ts";
import type { GiveOptions } from "./givepanel.ts";
import { openShelf } from "./givepanel.ts";
import { encoded, playerPage, report, sums } from "./papers.ts";
import { field, section, textInput } from "./parts.ts";
import { download } from "./shelf.ts";
import type { Task } from "./task.ts";

interface Asked {
  readonly to: string;
  readonly reference: string;
  readonly reason: string;
  readonly passphrase: string;
}

/** `waits` is told what is to be shown, and which buttons wait, until the check is done. */
export function discloseSection(options: GiveOptions, waits: (hint: HTMLElement, ...buttons: HTMLButtonElement[]) => void): HTMLElement {
  const s = options.strings.give;
  if (options.session.keys.authority === null) return section(s.disclosure, s.disclosureHint, h("p", { class: "hint note" }, s.needsAuthority));
  const [to, reference, reason] = [textInput(), textInput(), textInput()] as const;
  const passphrase = textInput({ type: "password" });
  const make = button({ label: s.makeDisclosure, text: s.makeDisclosure, class: "primary" }, () => {
    const asked = { to: to.value.trim(), reference: reference.value.trim(), reason: reason.value.trim(), passphrase: passphrase.value };
    void options.tasks.run(async (task) => {
      if (!asked.to || !asked.reference || !asked.reason) return options.strings.refusals.incomplete;
      const said = await disclose(options, asked, task);
      passphrase.value = "";
      return said;
    });
  });
  const later = h("p", { class: "hint" }, s.needsCheck);
  waits(later, make);
  return section(
    s.disclosure, s.disclosureHint,
    field(s.to, to), field(s.reference, reference), field(s.reason, reason), field(s.passphrase, passphrase),
    h("p", { class: "hint" }, s.registerHint), make, later,
  );
}

async function disclose(options: GiveOptions, asked: Asked, task: Task): Promise<string | null> {
  const { session, journey, strings, places } = options;
  const { check, keys } = session;
  if (check.is !== "done" || keys.authority === null) return null;
  const pem = new Uint8Array(await keys.authority.arrayBuffer());
  const request = {
    authority: { pem, passphrase: asked.passphrase },
    register: session.register ?? (await keys.register?.text()) ?? null,
    to: asked.to, reference: asked.reference, reason: asked.reason,
    journeys: [journey.name], verdict: check.checked.verdict.name,
  };
  await enterRegister({ ...request, files: {} }); // a passphrase that is wrong, or a register that is, is said before anything is made
  const shelf = await openShelf(strings, task, true);
  if (shelf === null) return null;
  const base = fileNameOf(journey.name);
  const made = await film({
    opened: session.opened, journey, places, name: base, span: null, shelf, signal: task.signal,
    onProgress: (done, total) => task.progress(`${base}.mp4`, done, total),
  });
  const log = await session.opened.log(journey.name);
  if (log !== null) await shelf.put(`${base}.log.jsonl`, log);
  const { verdict, findings, journeys } = check.checked;
  const facts = {
    verdict: verdict.name,
    findings: findings.filter((finding) => finding.journey === journey.name || !finding.journey),
    journeys: journeys.filter(({ name }) => name === journey.name),
    now: new Date(),
  };
  await shelf.put("report.html", encoded(report(facts).text));
  await shelf.put("play.html", encoded(playerPage(made.films, asked.to, asked.reference)));
  const files = Object.fromEntries(shelf.saved.map(({ name, sha256 }) => [name, sha256]));
  const named = shelf.saved.map(({ name }) => name);
  session.saved.push(...shelf.saved.map((file) => ({ ...file, of: `Disclosure to ${asked.to}, ${asked.reference}` })));
  await shelf.put("SHA256SUMS", sums(shelf.saved.filter(({ name }) => named.includes(name))));
  const entry = await enterRegister({ ...request, files });
  session.register = entry.text;
  download("register.jsonl", new Blob([encoded(entry.text)], { type: "application/jsonl" }));
  const said = `${strings.give.saved([...named, "SHA256SUMS"].join(", "))}\n${strings.give.keepRegister}`;
  return made.problems.length ? `${said}\n${strings.give.withProblems}\n${made.problems.join("\n")}` : said;
}
