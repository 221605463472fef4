/**
 * PURE. Where the segments' own timelines lie on the journey's.
 *
 * The log says when a segment's first frame was; its samples count on from the segment before. Both are the recorder's
 * one clock, but the log rounds: what differs by less than a second is the same, so that segments join without a seam.
 * A clock that began anew gives another offset.
 */
const SAME_CLOCK_S = 1;

export class Places {
  readonly #offsetsS: number[] = [];

  /** What to add to seconds of a segment's own timeline. `startS`: of the segment in the journey; `firstS`: in its own. */
  offsetOf(startS: number, firstS: number): number {
    const rawS = startS - firstS;
    const known = this.#offsetsS.find((offset) => Math.abs(offset - rawS) < SAME_CLOCK_S);
    if (known !== undefined) return known;
    this.#offsetsS.push(rawS);
    return rawS;
  }
}

/** The first second of a fragment of which anything is shown; `starts`: of its tracks. The priming lies before zero. */
export function firstOf(starts: readonly number[]): number {
  return Math.max(0, Math.min(...starts));
}
