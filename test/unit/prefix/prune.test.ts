import { describe, expect, it } from "vitest";
import { decidePrune, type PruneCandidate } from "../../../src/prefix/prune.ts";

const DAY = 24 * 60 * 60_000;
const NOW = 1_000 * DAY;

/** A generation that was replaced so many days ago. */
const one = (number: number, days: number | undefined, changes: Partial<PruneCandidate> = {}) => ({
  number,
  replaced: days === undefined ? undefined : NOW - days * DAY,
  complete: true,
  finished: true,
  used: false,
  ...changes,
});

function verdicts(current: number, candidates: PruneCandidate[], also = false): Record<number, string> {
  const decided = decidePrune(current, candidates, NOW, also);
  return Object.fromEntries(
    decided.map(({ number, goes, why }) => [number, `${goes ? "goes" : "stays"}: ${why}`]),
  );
}

describe("which generations go", () => {
  it("those that are neither the current one nor the one before it, after 14 days", () => {
    expect(verdicts(4, [one(4, undefined), one(3, 1), one(2, 13.9), one(1, 14.1)])).toEqual({
      4: "stays: current",
      3: "stays: previous",
      2: "stays: recent",
      1: "goes: old",
    });
  });

  it("sooner when it is asked for; never the current one and the one before it", () => {
    expect(verdicts(3, [one(3, undefined), one(2, 0.1), one(1, 1)], true)).toEqual({
      3: "stays: current",
      2: "stays: previous",
      1: "goes: recent, asked for",
    });
  });

  it("never one that is in use, whatever is asked for", () => {
    const list = [one(3, undefined), one(2, 40), one(1, 50, { used: true })];
    expect(verdicts(3, list, true)[1]).toBe("stays: in use");
  });

  it("after a rollback: what rollback takes next and what was in use last both stay", () => {
    // 3 was left for 2 a moment ago; 1 is what another rollback would take.
    expect(verdicts(2, [one(3, 0), one(2, undefined), one(1, 30), one(4, 60)])).toEqual({
      3: "stays: previous",
      2: "stays: current",
      1: "stays: previous",
      4: "goes: old",
    });
  });

  it("an incomplete one is nothing to go back to: the one before it stays", () => {
    expect(verdicts(3, [one(3, undefined), one(2, 20, { complete: false }), one(1, 30)])).toEqual({
      3: "stays: current",
      2: "goes: old",
      1: "stays: previous",
    });
  });

  it("what a killed build left goes at once", () => {
    const begun = one(4, undefined, { complete: false, finished: false });
    expect(verdicts(3, [begun, one(3, undefined), one(2, 1)])[4]).toBe("goes: unfinished");
  });

  it("one whose time is not known, or lies ahead, counts as recent", () => {
    const list = [one(4, undefined), one(3, 1), one(2, -3), one(1, undefined)];
    expect(verdicts(4, list)).toMatchObject({ 2: "stays: previous", 1: "stays: recent" });
    expect(verdicts(4, [...list, one(5, -1)])).toMatchObject({ 5: "stays: recent" });
  });
});
