/** The first screen: a stick, a key, a passphrase. What does not work is said where it was done. */
import { type Opened, Refusal } from "../model.ts";
import { open } from "../client.ts";
import type { Language, Strings } from "../strings.ts";
import { button, fill, freshId, h } from "./dom.ts";
import { sizeOf } from "./format.ts";
import { icons } from "./icons.ts";
import { languageSelect } from "./language.ts";
import { droppedOf, type KeyFiles, keyFilesOf, knownOf, NO_KEYS, pickedOf } from "./picking.ts";
import type { PickedFile } from "../model.ts";

/** What was picked so far: it stays when the language changes. */
export interface Picks {
  bundle: readonly PickedFile[];
  keys: KeyFiles;
  keysLabel: string;
}

export function noPicks(): Picks {
  return { bundle: [], keys: NO_KEYS, keysLabel: "" };
}

export interface OpenViewOptions {
  readonly strings: Strings;
  readonly language: Language;
  readonly picks: Picks;
  readonly onLanguage: (language: Language) => void;
  readonly onOpened: (opened: Opened, keys: KeyFiles) => void;
}

export function openView(options: OpenViewOptions): HTMLElement {
  const { strings: s, picks } = options;
  const words = s.open;
  let isBusy = false;
  const error = h("p", { class: "problem", role: "alert", hidden: true });
  const stickState = h("p", { class: "picked", aria: { live: "polite" } });
  const keyState = h("p", { class: "picked", aria: { live: "polite" } });
  const passphrase = h("input", { type: "password", id: freshId("passphrase"), autocomplete: "off", spellcheck: false });
  const stickInput = h("input", { type: "file", class: "behind", tabIndex: -1, aria: { label: words.chooseStick }, data: { pick: "stick" } });
  const keysInput = h("input", { type: "file", class: "behind", tabIndex: -1, aria: { label: words.chooseKeys }, data: { pick: "keys" } });
  const keyInput = h("input", { type: "file", class: "behind", tabIndex: -1, aria: { label: words.chooseKeyFile }, data: { pick: "key" } });
  stickInput.webkitdirectory = keysInput.webkitdirectory = true;

  const say = (text: string): void => {
    error.textContent = text;
    error.hidden = !text;
  };
  const show = (): void => {
    const bytes = picks.bundle.reduce((sum, { file }) => sum + file.size, 0);
    stickState.textContent = picks.bundle.length ? words.picked(picks.bundle.length, sizeOf(bytes)) : "";
    keyState.textContent = picks.keysLabel;
    const isUnknown = picks.keys.identity !== null && picks.keys.known.recorders === null;
    unknown.hidden = !isUnknown;
  };
  const unknown = h("p", { class: "hint note", hidden: true }, words.nobodyKnown);
  const takeStick = (picked: readonly PickedFile[]): void => {
    picks.bundle = picked;
    say("");
    show();
  };
  const takeKeys = (picked: readonly PickedFile[]): void => {
    const keys = keyFilesOf(picked);
    picks.keys = keys;
    const names = [keys.identity, keys.known.recorders, keys.known.recipients, keys.known.heads, keys.authority, keys.register];
    picks.keysLabel = names.flatMap((file) => (file === null ? [] : [file.name])).join(", ");
    say(picked.length && keys.identity === null ? words.noIdentity : "");
    show();
    if (keys.identity !== null) passphrase.focus();
  };
  stickInput.addEventListener("change", () => takeStick(pickedOf(stickInput.files)));
  keysInput.addEventListener("change", () => takeKeys(pickedOf(keysInput.files)));
  keyInput.addEventListener("change", () => takeKeys(pickedOf(keyInput.files)));

  const go = h("button", { type: "submit", class: "primary" }, words.go);
  const outside = button({ label: words.goOutside, text: words.goOutside, class: "plain" }, () => void start(false));
  const start = async (withKey: boolean): Promise<void> => {
    if (isBusy) return;
    if (!picks.bundle.length) return say(words.needsStick);
    if (withKey && picks.keys.identity === null) return say(words.needsKey);
    isBusy = true;
    say("");
    go.disabled = outside.disabled = true;
    go.textContent = words.opening;
    try {
      const { identity } = picks.keys;
      const opened = await open({
        bundle: picks.bundle,
        identity: withKey && identity !== null ? new Uint8Array(await identity.arrayBuffer()) : null,
        passphrase: withKey ? passphrase.value : "",
        known: await knownOf(picks.keys),
      });
      options.onOpened(opened, picks.keys);
    } catch (failure) {
      if (failure instanceof Refusal) say(s.refusals[failure.kind] || failure.message);
      else if (failure instanceof DOMException) say(s.refusals.unreadable);
      else throw failure;
      if (failure instanceof Refusal && failure.kind.endsWith("passphrase")) passphrase.select();
    } finally {
      isBusy = false;
      go.disabled = outside.disabled = false;
      go.textContent = words.go;
    }
  };

  const reveal = h("input", { type: "checkbox", id: freshId("reveal") });
  reveal.addEventListener("change", () => (passphrase.type = reveal.checked ? "text" : "password"));
  const form = h(
    "form",
    { class: "opening", on: { submit: (event) => { event.preventDefault(); void start(true); } } },
    step(1, words.stick, words.stickHint,
      button({ label: words.chooseStick, text: words.chooseStick, icon: icons.folder }, () => stickInput.click()), stickInput, stickState),
    step(2, words.keys, words.keysHint,
      h("div", { class: "row" },
        button({ label: words.chooseKeys, text: words.chooseKeys, icon: icons.key }, () => keysInput.click()),
        button({ label: words.chooseKeyFile, text: words.chooseKeyFile, class: "plain" }, () => keyInput.click())),
      keysInput, keyInput, keyState, unknown),
    step(3, h("label", { htmlFor: passphrase.id }, words.passphrase), words.passphraseHint,
      h("div", { class: "row" }, passphrase, h("label", { class: "check", htmlFor: reveal.id }, reveal, words.showPassphrase))),
    error,
    h("div", { class: "row end" }, outside, go),
  );
  const drop = h("div", { class: "drop", hidden: true, aria: { hidden: "true" } }, words.drop);
  const view = h(
    "main",
    { class: "welcome" },
    h("header", {}, h("div", {}, h("h1", {}, s.title), h("p", { class: "tagline" }, s.tagline)), languageSelect(s, options.language, options.onLanguage)),
    h("section", { class: "card" }, h("h2", {}, words.heading), form),
    h("p", { class: "hint warning" }, words.warning),
    drop,
  );
  view.addEventListener("dragover", (event) => { event.preventDefault(); drop.hidden = false; });
  view.addEventListener("dragleave", (event) => { if (event.relatedTarget === null) drop.hidden = true; });
  view.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.hidden = true;
    if (event.dataTransfer === null) return;
    droppedOf(event.dataTransfer.items).then(takeStick, () => say(s.refusals.unreadable));
  });
  fill(error);
  show();
  return view;
}

function step(number: number, title: string | HTMLElement, hint: string, ...children: readonly HTMLElement[]): HTMLElement {
  return h(
    "div",
    { class: "step" },
    h("span", { class: "number", aria: { hidden: "true" } }, String(number)),
    h("div", { class: "body" }, h("h3", {}, title), h("p", { class: "hint" }, hint), ...children),
  );
}
