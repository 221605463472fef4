/**
 * What the two halves of the viewer say to one another: the core opens, proves and decrypts; the page shows and plays.
 *
 * Rules: everything here is a value, or a promise of one; texts of findings and verdicts are word for word those of
 * `cabin-recorder verify`; whatever came off a stick is data and never markup. Times are seconds on the journey's own
 * timeline (0 is its first frame, or its beginning where it has none), unless a name says otherwise.
 */

/** A File or a Blob, as browsers give it; of node, anything that reads like one. */
export interface BlobLike {
  readonly size: number;
  slice(start?: number, end?: number): BlobLike;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A file that the user picked. `path`: with slashes, beginning with the name of the folder that was picked. */
export interface PickedFile {
  readonly path: string;
  readonly file: BlobLike;
}

/** What lies beside the office's keys, as text; absent where there is no such file. */
export interface KnownTexts {
  /** `recorders.toml` */
  readonly recorders?: string | undefined;
  /** `ledger-heads.json` */
  readonly heads?: string | undefined;
  /** `recipient.txt` */
  readonly recipients?: string | undefined;
  /** `authority.pub` */
  readonly authority?: string | undefined;
}

export interface OpenRequest {
  readonly bundle: readonly PickedFile[];
  /** `identity.txt`, as it is. Null: only the outside is checked, and nothing can be played. */
  readonly identity: Uint8Array | null;
  /** Empty where none was typed. */
  readonly passphrase: string;
  readonly known: KnownTexts;
}

/**
 * Why something was not done. `message` is a sentence for a person, as the command line has it; the page may say its
 * own by `kind`.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  constructor(
    readonly kind:
      | "not-a-bundle" // no CABIN-EXPORT in the folder, or an empty one
      | "needs-passphrase" // the key file is protected and none was typed
      | "wrong-passphrase"
      | "not-a-key" // no identity in the file, or it is damaged
      | "opens-nothing" // a good key, of another office
      | "bad-known" // recorders.toml, ledger-heads.json or recipient.txt cannot be used
      | "register-wrong" // the register is not as it was written: nothing is added to it
      | "incomplete" // a member was left empty
      | "unreadable", // the file could not be read
    message: string,
  ) {
    super(message);
  }
}

export interface Finding {
  readonly severity: "wrong" | "note";
  /** Journey's id (or its folder's name), as shown to people; empty where it concerns the whole. */
  readonly journey: string;
  /** File in it; empty where it concerns the whole journey. */
  readonly file: string;
  /** Goes on from the name: `was altered: …`. */
  readonly text: string;
  /** As `verify` prints it. */
  readonly line: string;
}

export type VerdictName = "attested" | "consistent" | "wrong";

export interface Verdict {
  readonly name: VerdictName;
  /** As `verify` prints it, without `Verdict: `. */
  readonly sentence: string;
  /** Of the command line: 0, 4, 3. */
  readonly exitCode: number;
}

/**
 * `unchecked`: its bytes were not compared yet. `torn`: a power cut ended it; what is there is signed. `altered`: by
 * the check. `unknown`: the recorder's log does not know it. `deleted`, `still-recording`: not here, and the logs say why.
 */
export type SegmentState =
  | "unchecked"
  | "whole"
  | "torn"
  | "altered"
  | "missing"
  | "deleted"
  | "still-recording"
  | "unknown";

export interface Gap {
  readonly medium: "picture" | "sound" | "other";
  readonly fromS: number;
  readonly untilS: number;
  readonly text: string;
}

export interface Segment {
  readonly number: number;
  /** `00001.mp4.age` */
  readonly name: string;
  readonly state: SegmentState;
  /** About the state; empty where there is nothing to say. */
  readonly sentence: string;
  /** Whether there are bytes to decrypt. */
  readonly isHere: boolean;
  readonly sizeBytes: number;
  /** Of the plaintext, if the file is whole. */
  readonly plaintextBytes: number;
  /** Where the log does not say it, behind the segment before; see `isPlaced`. */
  readonly startS: number;
  /** Whether the log says when it began. */
  readonly isPlaced: boolean;
  /** Null where nothing says when it ended (torn, missing): at the latest the next one's `startS`. */
  readonly endS: number | null;
  /** ISO 8601 UTC of the first frame by the recorder's clock; empty where unknown. */
  readonly began: string;
  readonly ended: string;
  /** SHA-256 (hex) of its body, as the recorder signed it; empty where it did not. */
  readonly sha256: string;
  readonly gaps: readonly Gap[];
}

export type MarkKind =
  | "began"
  | "consent"
  | "withdrawn"
  | "hold"
  | "release"
  | "fault"
  | "gap"
  | "clock"
  | "picture"
  | "sound"
  | "run-on"
  | "ended"
  | "log"
  | "copy"
  | "other";

/** Something on the timeline. `untilS`: null where it is a moment. */
export interface Mark {
  readonly atS: number;
  readonly untilS: number | null;
  readonly kind: MarkKind;
  readonly text: string;
}

/** One line of the story, as in `report`. `at`: ISO 8601 UTC by the recorder's clock; `clock`: what that was worth. */
export interface Moment {
  readonly atS: number;
  readonly at: string;
  readonly clock: string;
  readonly kind: MarkKind;
  readonly text: string;
}

export type ClockQuality = "synchronised" | "rtc" | "unproven";

export interface Journey {
  /** What it goes by: its id, or its folder's name where no log tells it. Unique in a bundle. */
  readonly name: string;
  readonly folder: string;
  /** Its folder's name. */
  readonly vehicle: string;
  /** As its recorder's configuration has it, which is what orders name; differs where that ends in a dot or a space. */
  readonly vehicleName: string;
  /** Of the key that signed its manifest; empty where nobody did. */
  readonly fingerprint: string;
  /** By which this office knows that key; empty where it does not. */
  readonly knownAs: string;
  /** As `verify` prints it. */
  readonly line: string;
  readonly files: number;
  readonly sizeBytes: number;
  /** How far the recorder's clock was off, empty where nothing was said of it. */
  readonly clock: string;
  readonly clockQuality: ClockQuality | null;
  /** UTC of second 0, in ms since 1970, by the recorder's clock; null where no log tells it. */
  readonly zeroUtcMs: number | null;
  readonly lengthS: number;
  readonly consented: boolean;
  readonly hold: {
    readonly who: string;
    readonly when: string;
    readonly reason: string;
    readonly isReleased: boolean;
    /** SHA-256 (hex) of the file `HOLD` on the recorder: what a release quotes. Empty where the log does not say it. */
    readonly sha256: string;
  } | null;
  readonly segments: readonly Segment[];
  readonly marks: readonly Mark[];
  readonly story: readonly Moment[];
  /** SHA-256 (hex) of its `manifest.json`: what a release quotes. Empty where that cannot be read. */
  readonly manifestSha256: string;
}

export interface Progress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** The file that is being read now: journey's name and file. */
  readonly journey: string;
  readonly file: string;
}

/** What the check of all bytes found: the last word of `verify`. */
export interface Checked {
  readonly verdict: Verdict;
  readonly findings: readonly Finding[];
  /** All that `verify` prints, line by line. */
  readonly lines: readonly string[];
  /** The journeys again, with the states of their segments as they are known now. */
  readonly journeys: readonly Journey[];
  /** The new text of `ledger-heads.json`, where it goes forward (only what is attested does); else null. */
  readonly heads: string | null;
}

/** How a decryption ended. `sentence` is empty where the file is whole. */
export interface Ended {
  readonly how: "whole" | "cut" | "damaged" | "refused";
  readonly sentence: string;
  /** Up to this byte the plaintext is authentic (from `fromByte` on; what is before was not looked at). */
  readonly goodBytes: number;
}

/**
 * A segment decrypted. The stream closes after the last authentic chunk, whatever comes behind it, and never errors;
 * then `ended` is settled. Cancel it to stop.
 */
export interface Plaintext {
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly ended: Promise<Ended>;
  /** Give a piece back that nobody looks at any more: the next ones come in its memory. Whoever keeps one does not. */
  done(piece: Uint8Array<ArrayBuffer>): void;
}

/** An order on the stick, and what became of it. `said`: a sentence, the recorder's where it is believed. */
export interface Answered {
  readonly vehicle: string;
  readonly number: string;
  readonly kind: string;
  readonly verdict: "applied" | "refused" | "unanswered" | "unknown" | "wrong";
  readonly said: string;
  /** As `cabin-recorder order check` prints it. */
  readonly line: string;
}

export interface Opened {
  /** What the logs say, before the bytes of the segments were compared. */
  readonly journeys: readonly Journey[];
  /** What is wrong with manifests, logs and ledgers already; `check` has the whole list. */
  readonly findings: readonly Finding[];
  readonly isInsideChecked: boolean;
  /** Reads every byte once. Rejects only if `signal` ends it (AbortError). */
  check(onProgress: (progress: Progress) => void, signal?: AbortSignal): Promise<Checked>;
  /** Decrypts one segment in a worker, from a byte of the plaintext on (chunks are independent of each other). */
  plaintext(journey: string, segment: number, fromByte?: number): Plaintext;
  /** The proven log of a journey as it is (JSON lines), for a disclosure folder; null where it cannot be had. */
  log(journey: string): Promise<Uint8Array<ArrayBuffer> | null>;
  /** What became of the orders on the stick; null where there are some and no `authority.pub`. Rejects with a Refusal. */
  answers(): Promise<readonly Answered[] | null>;
  /** Forgets keys and ends workers. Nothing of it works afterwards. */
  close(): void;
}

/** Rejects with a Refusal. `src/client.ts` has the one that works in a worker; node tests call the core directly. */
export type Open = (request: OpenRequest) => Promise<Opened>;

/** The office's key that signs, as `keygen` made it: `authority.key`, and the passphrase as typed. */
export interface Authority {
  readonly pem: Uint8Array;
  readonly passphrase: string;
}

/** One line for the disclosure register. `register`: the text of `register.jsonl` so far; null where there is none. */
export interface RegisterRequest {
  readonly authority: Authority;
  readonly register: string | null;
  readonly to: string;
  readonly reference: string;
  readonly reason: string;
  readonly journeys: readonly string[];
  readonly verdict: VerdictName;
  /** SHA-256 (hex) by name. */
  readonly files: Readonly<Record<string, string>>;
}

/** `text`: the whole new `register.jsonl`. */
export interface RegisterEntry {
  readonly number: number;
  readonly text: string;
}

export type OrderRequest = {
  readonly authority: Authority;
  /** As in a RegisterRequest: an order has a line there. */
  readonly register: string | null;
  readonly vehicle: string;
  /** Who orders it: 1 to 100 characters, as `reason` 1 to 500. */
  readonly who: string;
  readonly reason: string;
  /** ms since 1970; `expiresMs` 31 days later at most. */
  readonly nowMs: number;
  readonly expiresMs: number;
} & (
  | { readonly kind: "hold"; readonly what: { readonly of: "everything" } | { readonly of: "journey"; readonly journey: string } | { readonly of: "span"; readonly fromMs: number; readonly untilMs: number } }
  | { readonly kind: "release"; readonly journey: Journey }
);

/** A file for the stick, and the register that says so. `path`: its folders included, as the recorder looks for it. */
export interface OrderFile {
  readonly register: RegisterEntry;
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Each rejects with a Refusal. `src/give/index.ts` exports them as `enterRegister` and `makeOrder`. */
export interface Give {
  enterRegister(request: RegisterRequest): Promise<RegisterEntry>;
  makeOrder(request: OrderRequest): Promise<OrderFile>;
}
