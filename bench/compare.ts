import { readFileSync } from "node:fs";
import type { Findings, Table } from "./results.ts";
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

/** What was measured now by what was measured then, for every series that both have. */
export function comparedWith(before: Record<string, unknown>, parts: readonly Findings[]): Table {
  const rows = parts.flatMap((part) => {
    const earlier = seriesOf(before[part.title]);
    return [...seriesOf(part.raw)].flatMap(([name, numbers]) => {
      const then = earlier.get(name);
      if (then === undefined || median(then) < SMALLEST) return [];
      const [now, was] = [median(numbers), median(then)];
      const precise = (value: number): string => String(Number(value.toPrecision(4)));
      return [[part.title, name, precise(was), precise(now), (now / was).toFixed(2)]];
    });
  });
  return {
    caption:
      "Medians by those of the last results (units as in results.json). On another or a busier machine all of them move together.",
    head: ["part", "what", "then", "now", "now by then"],
    rows,
  };
}

/** The results that a file holds; undefined where there are none yet. */
export function readResults(file: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
