/** The page: one screen to open a stick, one to look at it. Nothing is kept of either. */
import type { Opened } from "../model.ts";
import { type Language, languages, preferredLanguage } from "../strings.ts";
import { Desk } from "./desk.ts";
import { fill } from "./dom.ts";
import { noPicks, openView } from "./openview.ts";
import type { KeyFiles } from "./picking.ts";
import { Session } from "./session.ts";

class App {
  #language: Language = preferredLanguage(navigator.languages);
  #picks = noPicks();
  #session: Session | null = null;
  #desk: Desk | null = null;

  constructor(private readonly root: Element) {
    window.addEventListener("beforeunload", (event) => {
      if (this.#session?.isSaving) event.preventDefault(); // the browser asks
    });
    // A file dropped beside the place for it would replace the page.
    for (const name of ["dragover", "drop"] as const) window.addEventListener(name, (event) => event.preventDefault());
  }

  show(): void {
    const strings = languages[this.#language];
    document.documentElement.lang = this.#language;
    document.title = strings.title;
    this.#desk?.close();
    this.#desk = null;
    const onLanguage = (language: Language): void => {
      this.#language = language;
      this.show();
      this.root.querySelector<HTMLElement>(".language")?.focus();
    };
    if (this.#session === null) {
      const onOpened = (opened: Opened, keys: KeyFiles): void => {
        this.#session = new Session(opened, keys);
        this.#picks = noPicks();
        this.show();
      };
      fill(this.root, openView({ strings, language: this.#language, picks: this.#picks, onLanguage, onOpened }));
      return;
    }
    this.#desk = new Desk(this.#session, { strings, language: this.#language, onLanguage, onClose: () => this.#forget() });
    fill(this.root, this.#desk.element);
    this.#desk.begin();
  }

  #forget(): void {
    this.#session?.close();
    this.#session = null;
    this.show();
  }
}

const root = document.getElementById("app");
if (root !== null) new App(root).show();
