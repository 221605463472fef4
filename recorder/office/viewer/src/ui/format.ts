/** PURE. Numbers and times as people read them. Times are UTC, as the recorder has them. */
import type { Strings } from "../strings.ts";

/** `12:04:05`, or with milliseconds. Of the recorder's clock where it is known, else from the journey's beginning. */
export function clockOf(zeroUtcMs: number | null, atS: number, withMs = false): string {
  const ms = zeroUtcMs === null ? Math.max(atS, 0) * 1000 : zeroUtcMs + atS * 1000;
  const text = new Date(Math.round(ms)).toISOString();
  return text.slice(11, withMs ? 23 : 19);
}

/** `2026-11-28`; empty where unknown. */
export function dayOf(zeroUtcMs: number | null, atS = 0): string {
  return zeroUtcMs === null ? "" : new Date(zeroUtcMs + atS * 1000).toISOString().slice(0, 10);
}

/** `Saturday 28 November 2026`, in the page's language. */
export function longDayOf(zeroUtcMs: number, language: string): string {
  const format: Intl.DateTimeFormatOptions = { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };
  return new Intl.DateTimeFormat(language === "cy" ? "cy" : "en-GB", format).format(new Date(zeroUtcMs));
}

/** `1 h 12 min`, `3 min 20 s`, `9 s`. */
export function lengthOf(seconds: number, strings: Strings): string {
  const { hours, minutes, seconds: s } = strings.units;
  const whole = Math.max(0, Math.round(seconds));
  if (whole >= 3600) return `${Math.floor(whole / 3600)} ${hours} ${Math.floor((whole % 3600) / 60)} ${minutes}`;
  if (whole >= 60) return whole % 60 ? `${Math.floor(whole / 60)} ${minutes} ${whole % 60} ${s}` : `${whole / 60} ${minutes}`;
  return `${whole} ${s}`;
}

/** `3.1 GB`. */
export function sizeOf(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(bytes >= 1e7 ? 0 : 1)} MB`;
  return `${Math.ceil(bytes / 1e3)} kB`;
}

/** A name for a file, of a name that anyone may have written: letters, digits, points and dashes. */
export function fileNameOf(text: string): string {
  return text.replace(/[^A-Za-z0-9.-]+/g, "-").replace(/^[.-]+/, "").slice(0, 100) || "journey";
}
