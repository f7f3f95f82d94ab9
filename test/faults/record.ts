/** What the fault suite really did, for the table at its end: one JSON object a line in KAPSELI_FAULTS_RECORD. */
import { appendFileSync } from "node:fs";

export interface FaultRecord {
  scenario: string;
  fault: string;
  /** Of the command that was broken: an exit code, or the signal that ended it. */
  ended: number | string;
  /** Which answer the environment gave afterwards. */
  answers: "before" | "after";
}

/** Notes a fault that was really injected. */
export function record(entry: FaultRecord): void {
  const file = process.env.KAPSELI_FAULTS_RECORD;
  if (file) appendFileSync(file, `${JSON.stringify(entry)}\n`);
}

/** Everything, or a subset that fits into ./check. */
export const FULL = process.env.KAPSELI_FAULTS === "full";
/** Of the moments and the subset; written into the tests' titles. */
export const SEED = Number(process.env.KAPSELI_FAULTS_SEED ?? "1");

/** Numbers in [0, 1) that a seed decides (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** All of the cases, or so many of them that the seed chooses. */
export function chosen<T>(cases: readonly T[], most: number): T[] {
  if (FULL) return [...cases];
  const random = seeded(SEED + cases.length);
  return cases
    .map((one) => ({ one, order: random() }))
    .sort((a, b) => a.order - b.order)
    .slice(0, most)
    .map(({ one }) => one);
}
