/** The check: its verdict and everything it said, word for word as `verify` prints it. What is wrong stands first. */
import type { Finding } from "../model.ts";
import type { Strings } from "../strings.ts";
import { button, drawing, h } from "./dom.ts";
import { lengthOf, sizeOf } from "./format.ts";
import { icons } from "./icons.ts";
import type { Session } from "./session.ts";

export interface CheckActs {
  readonly show: (finding: Finding) => void;
  readonly saveHeads: (text: string) => void;
}

export function checkPanel(session: Session, strings: Strings, acts: CheckActs): HTMLElement[] {
  const s = strings.check;
  const { check } = session;
  const wrong = session.findings.filter((finding) => finding.severity === "wrong");
  const notes = session.findings.filter((finding) => finding.severity === "note");
  return [
    ...head(session, strings),
    ...(wrong.length ? [h("h3", {}, s.wrong), list(wrong, session, strings, acts)] : []),
    ...(check.is === "done" && !wrong.length ? [h("p", { class: "empty good" }, drawing(icons.good), s.none)] : []),
    ...(notes.length ? [h("h3", {}, s.notes), list(notes, session, strings, acts)] : []),
    ...(check.is === "done" ? tail(check.checked.lines, check.checked.heads, strings, acts) : []),
  ];
}

function head(session: Session, strings: Strings): HTMLElement[] {
  const s = strings.check;
  const { check } = session;
  if (check.is === "failed") {
    return [h("p", { class: "problem", role: "alert" }, s.failed), button({ label: s.again, text: s.again }, () => session.startCheck())];
  }
  if (check.is === "done") {
    const { verdict } = check.checked;
    return [h("p", { class: `verdict ${verdict.name}`, lang: "en" }, drawing(verdict.name === "attested" ? icons.good : verdict.name === "wrong" ? icons.wrong : icons.note), h("span", {}, verdict.sentence))];
  }
  const { progress, beganMs } = check;
  const bar = h("progress", { max: progress?.totalBytes || 1, value: progress?.doneBytes ?? 0, aria: { label: s.waiting } });
  if (progress === null) return [h("p", { class: "hint" }, s.waiting), bar];
  const spentS = (performance.now() - beganMs) / 1000;
  const leftS = (spentS * (progress.totalBytes - progress.doneBytes)) / Math.max(progress.doneBytes, 1);
  const running = s.running(sizeOf(progress.doneBytes), sizeOf(progress.totalBytes));
  return [bar, h("p", { class: "hint" }, spentS > 3 ? `${running}, ${s.left(lengthOf(leftS, strings))}` : running), h("p", { class: "hint" }, s.pending)];
}

function list(findings: readonly Finding[], session: Session, strings: Strings, acts: CheckActs): HTMLElement {
  return h("ul", { class: "findings" }, ...findings.map((finding) => {
    const isShown = session.journeys.some(({ name, segments }) => name === finding.journey && segments.some((one) => one.name === finding.file));
    return h("li", { class: finding.severity, lang: "en" }, h("span", {}, finding.line),
      isShown ? button({ label: `${strings.check.goTo}: ${finding.file}`, text: strings.check.goTo, class: "plain" }, () => acts.show(finding)) : null);
  }));
}

function tail(lines: readonly string[], heads: string | null, strings: Strings, acts: CheckActs): HTMLElement[] {
  const s = strings.check;
  return [
    ...(heads === null ? [] : [h("div", { class: "offer" }, button({ label: s.heads, text: s.heads }, () => acts.saveHeads(heads)), h("p", { class: "hint" }, s.headsHint))]),
    h("details", {}, h("summary", {}, s.all), h("pre", { lang: "en", tabIndex: 0, aria: { label: s.all } }, lines.join("\n"))),
  ];
}
