import { readFileSync } from "node:fs";
import { PARTS, type Part } from "./options.ts";
import type { Findings, Measured, Table } from "./results.ts";
import { median } from "./statistics.ts";

/** Every series of numbers in a value, with the names that lead to it; objects in lists give one series each key. */
export function seriesOf(value: unknown, name = ""): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const join = (key: string): string => (name === "" ? key : `${name} / ${key}`);
  if (Array.isArray(value)) {
    for (const item of value) {
      const below = typeof item === "number" ? new Map([[name, [item]]]) : seriesOf(item, name);
      for (const [key, numbers] of below) found.set(key, [...(found.get(key) ?? []), ...numbers]);
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, below] of Object.entries(value)) {
      for (const [path, numbers] of seriesOf(below, join(key))) found.set(path, numbers);
    }
  } else if (typeof value === "number") found.set(name, [value]);
  return found;
}

/** Below this a median of one part by itself says nothing: files are counted, clocks are not that good. */
const SMALLEST = 1e-3;

/** The table of what changed, without its rows. */
export const COMPARISON: Omit<Table, "rows"> = {
  caption:
    "Medians by those of the last results (units as in results.json). On another or a busier machine all of them move together.",
  head: ["part", "what", "then", "now", "now by then"],
};

/** Rows of what was measured now by what was measured then, for every series that both have. */
export function comparedWith(before: Findings, now: Findings): string[][] {
  const earlier = seriesOf(before.raw);
  return [...seriesOf(now.raw)].flatMap(([name, numbers]) => {
    const then = earlier.get(name);
    if (then === undefined || median(then) < SMALLEST) return [];
    const [is, was] = [median(numbers), median(then)];
    const precise = (value: number): string => String(Number(value.toPrecision(4)));
    return [[now.title, name, precise(was), precise(is), (is / was).toFixed(2)]];
  });
}

/** results.json: the parts that were measured, of whichever run. */
export type Results = Partial<Record<Part, Measured>>;

/** The results that a file holds; none where there are none yet. */
export function readResults(file: string): Results {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Results;
  } catch {
    return {};
  }
}

/** The parts in their order. */
export function inOrder(results: Results): Measured[] {
  return PARTS.flatMap((part) => results[part] ?? []);
}
