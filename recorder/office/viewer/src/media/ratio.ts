/** PURE. Exact times: a timescale of 48 000 beside one of 90 000 leaves no room for rounding on the way. */

export interface Ratio {
  readonly over: bigint;
  readonly under: bigint;
}

export function ratio(over: number, under: number): Ratio {
  return { over: BigInt(over), under: BigInt(under) };
}

export const ZERO = ratio(0, 1);

export function plus(one: Ratio, other: Ratio): Ratio {
  return { over: one.over * other.under + other.over * one.under, under: one.under * other.under };
}

export function minus(one: Ratio, other: Ratio): Ratio {
  return plus(one, { over: -other.over, under: other.under });
}

export function isLess(one: Ratio, other: Ratio): boolean {
  return one.over * other.under < other.over * one.under;
}

/** To the nearest whole number of `1/units`, halves to the even one, as Python rounds. */
export function unitsOf(value: Ratio, units: number): number {
  const over = value.over * BigInt(units) * 2n;
  let floor = over / (value.under * 2n);
  if (over < 0n && floor * value.under * 2n !== over) floor -= 1n;
  const rest = over - floor * value.under * 2n; // in halves, from 0 to below two
  const isUp = rest > value.under || (rest === value.under && floor % 2n !== 0n);
  return Number(isUp ? floor + 1n : floor);
}

export function secondsOf(value: Ratio): number {
  return Number(value.over) / Number(value.under);
}
