/** The screen on which a journey is looked at: list, picture, timeline, buttons, and what is known of it. */
import { Places } from "../media/places.ts";
import { Player } from "../media/player.ts";
import type { Finding, Journey } from "../model.ts";
import type { Language, Strings } from "../strings.ts";
import { checkPanel } from "./checkpanel.ts";
import { button, drawing, fill, freshId, h } from "./dom.ts";
import { afterFirstPicture } from "./firstpicture.ts";
import { clockOf, lengthOf } from "./format.ts";
import { GivePanel } from "./givepanel.ts";
import { helpSheet } from "./help.ts";
import { icons } from "./icons.ts";
import { JourneyList } from "./journeys.ts";
import { type Act, actOf } from "./keys.ts";
import { endOf, eventsOf } from "./lanes.ts";
import { languageSelect } from "./language.ts";
import { Meter } from "./meter.ts";
import { ordersPanel } from "./orderspanel.ts";
import { encoded } from "./papers.ts";
import type { Session } from "./session.ts";
import { download, shelved } from "./shelf.ts";
import { Stage } from "./stage.ts";
import { takeStill } from "./still.ts";
import { storyPanel } from "./story.ts";
import { TaskLine } from "./task.ts";
import { Timeline } from "./timeline.ts";
import { RATES, Transport } from "./transport.ts";

const TABS = ["story", "check", "give", "orders"] as const;
type Tab = (typeof TABS)[number];
const SMALL_JUMP_S = 5;
const BIG_JUMP_S = 60;
const PAN = 0.08;

export interface DeskOptions {
  readonly strings: Strings;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
  readonly onClose: () => void;
}

export class Desk {
  readonly element: HTMLElement;
  readonly #stage: Stage;
  readonly #timeline: Timeline;
  readonly #transport: Transport;
  readonly #list: JourneyList;
  readonly #meter: Meter;
  readonly #tasks: TaskLine;
  readonly #help: HTMLDialogElement;
  readonly #verdict: HTMLButtonElement;
  readonly #tabs = new Map<Tab, HTMLButtonElement>();
  readonly #panels = new Map<Tab, HTMLElement>();
  readonly #heard = new AbortController();
  readonly #unlisten: () => void;
  #player: Player | null = null;
  #places = new Places();
  #give: GivePanel | null = null;
  #checkedIs = "";

  constructor(
    private readonly session: Session,
    private readonly options: DeskOptions,
  ) {
    const { strings, language } = options;
    this.#stage = new Stage(strings);
    this.#timeline = new Timeline(strings, (atS) => this.#seek(atS));
    this.#transport = new Transport(strings, this.#stage.video, (act) => this.#act(act), (rate) => this.#player?.setRate(rate));
    this.#list = new JourneyList(session, strings, (journey) => this.#pick(journey));
    this.#meter = new Meter(this.#stage.video, this.#transport.level);
    this.#tasks = new TaskLine(strings, (isBusy) => (session.isSaving = isBusy));
    this.#help = helpSheet(strings, session.areKeysOn, (areOn) => (session.areKeysOn = areOn));
    this.#verdict = h("button", { type: "button", class: "chip", on: { click: () => this.#open("check") } });
    this.element = h(
      "div",
      { class: "desk" },
      h("header", { class: "top" },
        h("h1", {}, strings.title),
        this.#verdict,
        h("div", { class: "row" },
          languageSelect(strings, language, options.onLanguage),
          button({ label: strings.desk.help, icon: icons.help, keys: "?" }, () => this.#act("help")),
          button({ label: strings.desk.close, text: strings.desk.close, icon: icons.lock, class: "plain" }, options.onClose))),
      this.#list.element,
      h("main", { class: "view" }, this.#stage.element, this.#timeline.element, this.#transport.element),
      this.#aside(),
      this.#help,
    );
    this.#stage.element.addEventListener("click", () => { if (this.#stage.zoom.factor === 1) this.#act("toggle"); });
    document.addEventListener("keydown", (event) => this.#key(event), { signal: this.#heard.signal });
    this.#unlisten = session.listen(() => this.#checked());
  }

  /** Once it is in the page. */
  begin(): void {
    this.#list.show();
    this.#showVerdict();
    const { journey } = this.session;
    if (journey === null) this.session.startCheckOnce();
    else afterFirstPicture(this.#stage.video, this.#heard.signal, () => this.session.startCheckOnce());
    if (journey !== null) this.#load(journey, this.session.atS);
    else this.#timeline.show(null);
    this.#showPanels();
    const isWrong = this.session.findings.some(({ severity }) => severity === "wrong");
    this.#open(journey === null || isWrong ? "check" : (this.session.tab as Tab));
  }

  close(): void {
    this.session.atS = this.#player?.atS ?? 0;
    this.#heard.abort();
    this.#unlisten();
    this.#tasks.stop();
    this.#player?.close();
    this.#meter.close();
    this.#stage.close();
  }

  #aside(): HTMLElement {
    const { strings } = this.options;
    const bar = h("div", { class: "tabs", role: "tablist", aria: { label: strings.desk.panels } });
    for (const [index, tab] of TABS.entries()) {
      const id = freshId("panel");
      const handle = h("button", {
        type: "button", role: "tab", id: `${id}-tab`, aria: { controls: id, keyshortcuts: String(index + 1) }, on: { click: () => this.#open(tab) },
      }, strings.tabs[tab]);
      this.#tabs.set(tab, handle);
      this.#panels.set(tab, h("div", { id, class: "panel", role: "tabpanel", tabIndex: 0, hidden: true, aria: { labelledby: handle.id } }));
      bar.append(handle);
    }
    bar.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (!step) return;
      event.preventDefault();
      const next = TABS[(TABS.indexOf(this.session.tab as Tab) + step + TABS.length) % TABS.length] ?? "story";
      this.#open(next);
      this.#tabs.get(next)?.focus();
    });
    return h("aside", { class: "side", aria: { label: strings.desk.panels } }, bar, this.#tasks.element, ...this.#panels.values());
  }

  #open(tab: Tab): void {
    this.session.tab = tab;
    for (const [name, handle] of this.#tabs) {
      handle.setAttribute("aria-selected", String(name === tab));
      handle.tabIndex = name === tab ? 0 : -1;
    }
    for (const [name, panel] of this.#panels) panel.hidden = name !== tab;
  }

  #pick(journey: Journey): void {
    if (journey.name === this.session.journeyName && this.#player !== null) return;
    this.session.journeyName = journey.name;
    this.session.clip = { fromS: null, untilS: null };
    this.#list.show();
    this.#load(journey, 0);
    this.#showPanels();
  }

  #load(journey: Journey, atS: number): void {
    this.#player?.close();
    this.#places = new Places();
    this.#stage.fail("");
    const { opened } = this.session;
    const player = new Player(
      this.#stage.video,
      {
        segments: journey.segments,
        lengthS: journey.lengthS,
        places: this.#places,
        plaintext: (segment) => opened.plaintext(journey.name, segment),
      },
      {
        changed: () => this.#show(),
        segmentEnded: (segment, reachedS, how) => {
          if (how.how === "damaged") this.#altered(segment.number, reachedS);
        },
        skipped: (fromS, untilS) => this.#stage.note(this.options.strings.stage.skipped(lengthOf(untilS - fromS, this.options.strings))),
        failed: (error) => {
          this.#stage.fail(error.message);
          this.#show();
        },
      },
    );
    this.#player = player;
    this.#timeline.show(journey);
    this.#timeline.mark(this.session.clip.fromS, this.session.clip.untilS);
    if (journey.segments.some(({ isHere }) => isHere)) player.seek(atS);
    this.#show();
  }

  /** What was found by playing, before the check came to it. */
  #altered(number: number, reachedS: number): void {
    const { journey } = this.session;
    if (journey === null || this.session.check.is === "done") return;
    const segments = journey.segments.flatMap((segment) => {
      if (segment.number !== number) return [segment];
      const cutS = Math.min(Math.max(reachedS, segment.startS), endOf(journey, segment));
      return [{ ...segment, endS: cutS }, { ...segment, startS: cutS, state: "altered" as const }];
    });
    this.#timeline.show({ ...journey, segments });
    this.#show();
  }

  #show(): void {
    const { journey } = this.session;
    const player = this.#player;
    if (journey === null || player === null) return;
    this.#stage.show(journey, player);
    this.#timeline.move(player.atS);
    const position = `${clockOf(journey.zeroUtcMs, player.atS)} / ${lengthOf(journey.lengthS, this.options.strings)}`;
    this.#transport.show({ isPlaying: player.isPlaying, rate: player.rate, position });
  }

  #showVerdict(): void {
    const { strings } = this.options;
    const { check } = this.session;
    const wrong = this.session.findings.filter(({ severity }) => severity === "wrong").length;
    const name = check.is === "done" ? check.checked.verdict.name : wrong ? "wrong" : "pending";
    const words = wrong ? strings.desk.wrongCount(wrong) : check.is === "done" ? check.checked.verdict.sentence : check.is === "failed" ? strings.check.failed : `${strings.desk.checking}…`;
    const icon = name === "attested" ? icons.good : name === "wrong" ? icons.wrong : icons.note;
    this.#verdict.className = `chip verdict-chip ${name}`;
    fill(this.#verdict, drawing(icon), h("span", {}, words));
  }

  #checked(): void {
    this.#showVerdict();
    this.#showCheck();
    if (this.session.check.is === this.#checkedIs) return;
    this.#checkedIs = this.session.check.is;
    this.#list.show();
    const { journey } = this.session;
    if (journey !== null && this.session.check.is === "done") {
      this.#timeline.show(journey);
      this.#showOrders(journey);
      this.#show();
    }
    this.#give?.update();
  }

  #showCheck(): void {
    const panel = this.#panels.get("check");
    if (panel === undefined) return;
    const had = panel.contains(document.activeElement) && document.activeElement !== panel;
    fill(panel, ...checkPanel(this.session, this.options.strings, {
      show: (finding) => this.#goTo(finding),
      saveHeads: (text) => download("ledger-heads.json", new Blob([encoded(text)], { type: "application/json" })),
    }));
    if (had) panel.focus();
  }

  #showOrders(journey: Journey): void {
    const panel = this.#panels.get("orders");
    if (panel !== undefined) fill(panel, ...ordersPanel(this.session, journey, this.options.strings, this.#tasks));
  }

  #showPanels(): void {
    const { strings } = this.options;
    const { journey, opened } = this.session;
    this.#showCheck();
    const nothing = h("p", { class: "empty" }, opened.isInsideChecked ? strings.desk.noJourneys : strings.desk.outsideOnly);
    if (journey === null || !opened.isInsideChecked) {
      for (const tab of ["story", "give", "orders"] as const) fill(this.#panels.get(tab) ?? nothing, nothing.cloneNode(true));
      return;
    }
    const story = this.#panels.get("story");
    if (story !== undefined) fill(story, ...storyPanel(journey, strings, (atS) => this.#seek(atS)));
    this.#give = new GivePanel({
      session: this.session, journey, places: this.#places, strings, tasks: this.#tasks,
      atS: () => this.#player?.pictureS ?? this.#player?.atS ?? 0,
      saveStill: () => void this.#still(),
      onClip: () => this.#clipMoved(),
    });
    const give = this.#panels.get("give");
    if (give !== undefined) fill(give, this.#give.element);
    this.#showOrders(journey);
  }

  #goTo(finding: Finding): void {
    const journey = this.session.journeys.find(({ name }) => name === finding.journey);
    const segment = journey?.segments.find(({ name }) => name === finding.file);
    if (journey === undefined || segment === undefined) return;
    this.#pick(journey);
    this.#seek(segment.startS);
  }

  #seek(atS: number): void {
    this.#player?.seek(atS);
    this.#show();
  }

  async #still(): Promise<void> {
    const { journey } = this.session;
    const player = this.#player;
    if (journey === null || player === null) return;
    const still = await takeStill(this.#stage.video, journey, player.pictureS ?? player.atS);
    const { strings } = this.options;
    if (still === null) {
      this.#stage.note(strings.stage.nothing);
      return;
    }
    const blob = new Blob([still.data], { type: "image/png" });
    this.session.saved.push({ ...(await shelved(still.name, blob)), of: `Picture of ${still.when} UTC, ${journey.vehicle}, journey ${journey.name}` });
    download(still.name, blob);
    this.#stage.note(strings.give.saved(still.name));
  }

  #clipMoved(): void {
    const { fromS, untilS } = this.session.clip;
    this.#timeline.mark(fromS, untilS);
    this.#give?.update();
  }

  #mark(which: "fromS" | "untilS"): void {
    const { clip } = this.session;
    clip[which] = this.#player?.pictureS ?? this.#player?.atS ?? 0;
    if (clip.fromS !== null && clip.untilS !== null && clip.untilS <= clip.fromS) {
      if (which === "fromS") clip.untilS = null;
      else clip.fromS = null;
    }
    this.#clipMoved();
  }

  #event(direction: 1 | -1): void {
    const { journey } = this.session;
    if (journey === null) return;
    const atS = this.#player?.atS ?? 0;
    const events = eventsOf(journey).map((mark) => mark.atS);
    const wanted = direction > 0 ? events.find((one) => one > atS + 0.3) : events.findLast((one) => one < atS - 1);
    if (wanted !== undefined) this.#seek(wanted);
  }

  #neighbour(direction: 1 | -1): void {
    const { journeys, journeyName } = this.session;
    const next = journeys[journeys.findIndex(({ name }) => name === journeyName) + direction];
    if (next !== undefined) this.#pick(next);
  }

  #rate(direction: 1 | -1): void {
    const rate = this.#player?.rate ?? 1;
    const next = RATES[RATES.indexOf(rate as (typeof RATES)[number]) + direction];
    if (next !== undefined) this.#player?.setRate(next);
  }

  #volume(change: number): void {
    const { video } = this.#stage;
    video.volume = Math.min(1, Math.max(0, Math.round((video.volume + change) * 20) / 20));
    video.muted = false;
  }

  #full(): void {
    if (document.fullscreenElement !== null) void document.exitFullscreen();
    else void this.#stage.element.parentElement?.requestFullscreen();
  }

  #key(event: KeyboardEvent): void {
    if (this.#help.open) return;
    const act = actOf(event, this.session.areKeysOn);
    if (act === null) return;
    event.preventDefault();
    this.#act(act);
  }

  #act(act: Act): void {
    const player = this.#player;
    const { zoom } = this.#stage;
    const { journey } = this.session;
    const acts: Readonly<Record<Act, () => void>> = {
      toggle: () => (player?.isPlaying ? player.pause() : player?.play()),
      back: () => this.#seek((player?.atS ?? 0) - SMALL_JUMP_S),
      on: () => this.#seek((player?.atS ?? 0) + SMALL_JUMP_S),
      minuteBack: () => this.#seek((player?.atS ?? 0) - BIG_JUMP_S),
      minuteOn: () => this.#seek((player?.atS ?? 0) + BIG_JUMP_S),
      stepBack: () => player?.step(-1),
      stepOn: () => player?.step(1),
      slower: () => this.#rate(-1),
      faster: () => this.#rate(1),
      begin: () => this.#seek(0),
      end: () => this.#seek((journey?.lengthS ?? 0) - 1),
      previousEvent: () => this.#event(-1),
      nextEvent: () => this.#event(1),
      zoomIn: () => zoom.by(1.4),
      zoomOut: () => zoom.by(1 / 1.4),
      whole: () => zoom.reset(),
      left: () => zoom.pan(PAN, 0),
      right: () => zoom.pan(-PAN, 0),
      up: () => zoom.pan(0, PAN),
      down: () => zoom.pan(0, -PAN),
      full: () => this.#full(),
      mute: () => (this.#stage.video.muted = !this.#stage.video.muted),
      louder: () => this.#volume(0.1),
      quieter: () => this.#volume(-0.1),
      still: () => void this.#still(),
      markIn: () => this.#mark("fromS"),
      markOut: () => this.#mark("untilS"),
      unmark: () => {
        this.session.clip = { fromS: null, untilS: null };
        this.#clipMoved();
      },
      previousJourney: () => this.#neighbour(-1),
      nextJourney: () => this.#neighbour(1),
      tab1: () => this.#open("story"),
      tab2: () => this.#open("check"),
      tab3: () => this.#open("give"),
      tab4: () => this.#open("orders"),
      help: () => this.#help.showModal(),
    };
    acts[act]();
    this.#show();
  }
}
