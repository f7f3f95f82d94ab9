/** What is told of a series of measurements. Units are the caller's. */
export interface Summary {
  count: number;
  median: number;
  lower: number;
  upper: number;
}

/** The value below which the share `at` (0 to 1) of `values` lies, interpolated linearly. */
export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * at;
  const below = sorted[Math.floor(position)] ?? Number.NaN;
  const above = sorted[Math.ceil(position)] ?? Number.NaN;
  return below + (above - below) * (position - Math.floor(position));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Median and quartiles. */
export function summarize(values: readonly number[]): Summary {
  return {
    count: values.length,
    median: median(values),
    lower: quantile(values, 0.25),
    upper: quantile(values, 0.75),
  };
}

/** A generator of numbers in [0, 1) (mulberry32): the same seed gives the same order, so a run can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The items in a random order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

export interface Interval {
  /** Of all rounds. */
  estimate: number;
  lower: number;
  upper: number;
}

const RESAMPLES = 4000;

/**
 * Compares two series that were measured in the same rounds: `compare` of their medians, with the 95 % interval of
 * a bootstrap that draws whole rounds, so that what slowed both in one round counts once.
 */
export function comparePaired(
  a: readonly number[],
  b: readonly number[],
  compare: (medianOfA: number, medianOfB: number) => number,
  random: () => number,
): Interval {
  const rounds = Math.min(a.length, b.length);
  const drawn: number[] = [];
  for (let resample = 0; resample < RESAMPLES; resample += 1) {
    const indices = Array.from({ length: rounds }, () => Math.floor(random() * rounds));
    const pick = (values: readonly number[]): number[] => indices.map((index) => values[index] ?? Number.NaN);
    drawn.push(compare(median(pick(a)), median(pick(b))));
  }
  return {
    estimate: compare(median(a), median(b)),
    lower: quantile(drawn, 0.025),
    upper: quantile(drawn, 0.975),
  };
}

export const ratio = (a: number, b: number): number => a / b;
export const difference = (a: number, b: number): number => a - b;
