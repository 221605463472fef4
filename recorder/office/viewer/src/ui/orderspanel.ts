/** Orders to the vehicle: keep more, or end this journey's hold. The forms; what an order is made of is in `src/give`. */
import type { Journey, OrderRequest } from "../model.ts";
import { makeOrder } from "../give/index.ts";
import type { Strings } from "../strings.ts";
import { answersSection } from "./answers.ts";
import { button, h } from "./dom.ts";
import { field, localValueOf, section, textInput, utcMsOf } from "./parts.ts";
import type { Session } from "./session.ts";
import { download } from "./shelf.ts";
import type { TaskLine } from "./task.ts";

const DAY_MS = 86_400_000;
const VALID_DAYS = [1, 7, 30] as const;

type What = { readonly of: "everything" } | { readonly of: "journey"; readonly journey: string } | { readonly of: "span"; readonly fromMs: number; readonly untilMs: number };

export function ordersPanel(session: Session, journey: Journey, strings: Strings, tasks: TaskLine): HTMLElement[] {
  const s = strings.orders;
  if (session.keys.authority === null) {
    return [answersSection(session, strings), h("p", { class: "hint" }, s.intro), h("p", { class: "hint note" }, strings.give.needsAuthority)];
  }
  return [answersSection(session, strings), h("p", { class: "hint" }, s.intro), holdForm(session, journey, strings, tasks), releaseForm(session, journey, strings, tasks)];
}

function holdForm(session: Session, journey: Journey, strings: Strings, tasks: TaskLine): HTMLElement {
  const s = strings.orders;
  const what = h("select", {}, ...(["everything", "journey", "span"] as const).map((of) =>
    h("option", { value: of }, of === "everything" ? s.everything : of === "journey" ? s.thisJourney : s.span)));
  const from = textInput({ type: "datetime-local" });
  const until = textInput({ type: "datetime-local" });
  from.step = until.step = "1";
  const zero = journey.zeroUtcMs ?? Date.now() - DAY_MS;
  from.value = localValueOf(zero);
  until.value = localValueOf(zero + journey.lengthS * 1000);
  const span = h("div", { class: "row", hidden: true }, field(s.from, from), field(s.until, until));
  what.addEventListener("change", () => (span.hidden = what.value !== "span"));
  const vehicle = textInput();
  vehicle.value = journey.vehicleName;
  const common = commonFields(strings);
  const choice = (): What =>
    what.value === "span" ? { of: "span", fromMs: utcMsOf(from), untilMs: utcMsOf(until) }
      : what.value === "journey" ? { of: "journey", journey: journey.folder } : { of: "everything" };
  const make = button({ label: `${s.hold}: ${s.make}`, text: s.make }, () => {
    const wanted = choice();
    const isEmpty = wanted.of === "span" && !(wanted.fromMs < wanted.untilMs);
    send(session, strings, tasks, common, isEmpty ? null : { kind: "hold", what: wanted, vehicle: vehicle.value.trim() });
  });
  return section(s.hold, s.holdHint, field(s.what, what), span, field(s.vehicle, vehicle), ...common.fields, make);
}

function releaseForm(session: Session, journey: Journey, strings: Strings, tasks: TaskLine): HTMLElement {
  const s = strings.orders;
  const isWhole = session.check.is === "done" && journey.manifestSha256 !== ""
    && !session.findings.some((finding) => finding.severity === "wrong" && (finding.journey === journey.name || !finding.journey));
  if (!isWhole) return section(s.release, s.releaseHint, h("p", { class: "hint note" }, s.needsWhole));
  const common = commonFields(strings);
  const sure = h("input", { type: "checkbox" });
  const make = button({ label: `${s.release}: ${s.make}`, text: s.make }, () =>
    send(session, strings, tasks, common, { kind: "release", journey, vehicle: journey.vehicleName }));
  make.disabled = true;
  sure.addEventListener("change", () => (make.disabled = !sure.checked));
  return section(s.release, s.releaseHint, ...common.fields, h("label", { class: "check" }, sure, s.confirm), make);
}

interface CommonFields {
  readonly fields: readonly HTMLElement[];
  readonly who: HTMLInputElement;
  readonly reason: HTMLInputElement;
  readonly days: HTMLSelectElement;
  readonly passphrase: HTMLInputElement;
}

function commonFields(strings: Strings): CommonFields {
  const s = strings.orders;
  const who = textInput({ maxLength: 100 });
  const reason = textInput();
  const days = h("select", {}, ...VALID_DAYS.map((n) => h("option", { value: String(n), selected: n === 7 }, s.days(n))));
  const passphrase = textInput({ type: "password" });
  const fields = [field(s.who, who), field(s.reason, reason), field(s.expires, days), field(s.passphrase, passphrase)];
  return { fields, who, reason, days, passphrase };
}

type Wanted = { readonly kind: "hold"; readonly what: What; readonly vehicle: string } | { readonly kind: "release"; readonly journey: Journey; readonly vehicle: string };

function send(session: Session, strings: Strings, tasks: TaskLine, common: CommonFields, wanted: Wanted | null): void {
  void tasks.run(async () => {
    const reason = common.reason.value.trim();
    const who = common.who.value.trim();
    if (wanted === null || !who || !reason || !wanted.vehicle || session.keys.authority === null) return strings.refusals.incomplete;
    const nowMs = Date.now();
    const request: OrderRequest = {
      ...wanted,
      register: session.register ?? (await session.keys.register?.text()) ?? null,
      authority: { pem: new Uint8Array(await session.keys.authority.arrayBuffer()), passphrase: common.passphrase.value },
      who, reason, nowMs, expiresMs: nowMs + Number(common.days.value) * DAY_MS,
    };
    const made = await makeOrder(request);
    common.passphrase.value = "";
    session.register = made.register.text;
    download("register.jsonl", new Blob([made.register.text], { type: "application/jsonl" }));
    download(made.path.split("/").at(-1) ?? made.path, new Blob([made.bytes]));
    return `${strings.orders.made(made.path)}\n${strings.give.keepRegister}`;
  });
}
