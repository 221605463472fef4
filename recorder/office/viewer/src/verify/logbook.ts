/**
 * What a journey's log says, digested: segments, consent, hold, and what time it was (`recorder/vault/logbook.py`).
 *
 * Rules: a member that is missing or of the wrong type counts as not said. A trusted clock anywhere in a boot tells the
 * time of everything in that boot, before and after; a synchronised one before a clock chip.
 */

import { asInteger, asText } from "../bundle/json.ts";
import type { ClockQuality } from "../model.ts";
import { type Entry, msOf } from "./entries.ts";
import * as words from "./words.ts";

const NS_PER_MS = 1_000_000n;
const FIRST_UTC_NS = -62_135_596_800_000_000_000n; // years 1
const LAST_UTC_NS = 253_402_300_799_999_999_999n; // to 9999

/** One moment: in ns since 1970 by the recorder's clock, and what that was worth. */
export interface Instant {
  readonly utcNs: bigint;
  readonly bootId: string;
  readonly quality: ClockQuality;
}

export class Logbook {
  readonly opened: ReadonlyMap<bigint, Entry>;
  readonly sealed: ReadonlyMap<bigint, Entry>;
  readonly torn: ReadonlyMap<bigint, Entry>;
  private readonly proofs: ReadonlyMap<string, Entry>;

  constructor(readonly entries: readonly Entry[]) {
    const trusted = ["rtc", "synchronised"].flatMap((quality) => entries.filter(({ clock }) => clock === quality));
    this.proofs = new Map(trusted.map((entry) => [entry.bootId, entry])); // what comes later, and is better, wins
    this.opened = this.byNumber(words.SEGMENT_OPENED);
    this.sealed = this.byNumber(words.SEGMENT_SEALED);
    this.torn = this.byNumber(words.SEGMENT_TORN);
  }

  /** When the journey began. */
  get first(): Instant | null {
    for (const entry of this.entries) {
      const moment = entry.event === words.JOURNEY_BEGAN ? this.momentOf(entry) : null;
      if (moment !== null) return moment;
    }
    return null;
  }

  /** Whether somebody agreed and nobody has withdrawn since. */
  get consented(): boolean {
    const last = this.entries.findLast(({ event }) => event === words.CONSENT || event === words.WITHDRAWN);
    return last?.event === words.CONSENT;
  }

  /** The newest hold, released or not. */
  get hold(): { who: string; when: string; reason: string; isReleased: boolean; sha256: string } | null {
    const last = this.entries.findLast(({ event }) => event === words.HOLD || event === words.RELEASE);
    const hold = this.entries.findLast(({ event }) => event === words.HOLD);
    if (hold === undefined) return null;
    const [who, reason] = [asText(hold.data.get("who")), asText(hold.data.get("reason"))];
    const sha256 = hold.data.get("hold_sha256");
    const isReleased = last?.event === words.RELEASE;
    return { who, when: hold.utc, reason, isReleased, sha256: typeof sha256 === "string" ? sha256 : "" };
  }

  /** The oldest frame of a segment; where its entry is lost, the beginning of the journey. */
  firstOf(number: bigint): Instant | null {
    return this.frame(this.opened.get(number), "first_boottime_ns") ?? this.first;
  }

  /** The newest frame of a sealed segment; null for any other. */
  lastOf(number: bigint): Instant | null {
    return this.frame(this.sealed.get(number), "last_boottime_ns");
  }

  momentOf(entry: Entry): Instant | null {
    return this.moment(entry, entry.boottimeNs);
  }

  /** CLOCK_BOOTTIME of the boot of `entry` by the wall clock; null for a time that no calendar has. */
  moment(entry: Entry, boottimeNs: bigint): Instant | null {
    const known = this.proofs.get(entry.bootId) ?? entry;
    const utcNs = BigInt(msOf(known.utc)) * NS_PER_MS - known.boottimeNs + boottimeNs;
    const isATime = FIRST_UTC_NS <= utcNs && utcNs <= LAST_UTC_NS;
    return isATime ? { utcNs, bootId: known.bootId, quality: known.clock } : null;
  }

  private frame(entry: Entry | undefined, member: string): Instant | null {
    const boottimeNs = asInteger(entry?.data.get(member));
    return entry === undefined || boottimeNs === null ? null : this.moment(entry, boottimeNs);
  }

  private byNumber(event: string): ReadonlyMap<bigint, Entry> {
    return new Map(
      this.entries.flatMap((entry) => {
        const number = entry.event === event ? asInteger(entry.data.get("number")) : null;
        return number === null ? [] : [[number, entry] as const];
      }),
    );
  }
}

/** ISO 8601 in UTC with milliseconds; empty where nothing is known. */
export function isoUtc(instant: Instant | null): string {
  return instant === null ? "" : new Date(msOfInstant(instant)).toISOString();
}

/** Milliseconds since 1970, rounded down as the recorder rounds. */
export function msOfInstant({ utcNs }: Instant): number {
  const isBefore1970 = utcNs < 0n && utcNs % NS_PER_MS !== 0n;
  return Number(utcNs / NS_PER_MS) - (isBefore1970 ? 1 : 0);
}
