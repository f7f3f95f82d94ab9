import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BuildEvent } from "../../../src/report/events.ts";
import { BEAT_MS, saidWhenSlow, withHeartbeat } from "../../../src/report/heartbeat.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const started: BuildEvent = { event: "step-started", step: "pack", title: "Packing", index: 1, of: 2 };
const half: BuildEvent = { event: "step-progress", step: "pack", fraction: 0.5, detail: "packing" };

describe("a step that says nothing", () => {
  const beating = () => {
    const said: BuildEvent[] = [];
    const { report, end } = withHeartbeat((event) => said.push(event));
    return { said, report, end };
  };

  it("is told to be running, with what it said last of its progress", () => {
    const { said, report, end } = beating();
    vi.advanceTimersByTime(3 * BEAT_MS);
    expect(said).toEqual([]);
    report(started);
    vi.advanceTimersByTime(BEAT_MS);
    expect(said).toEqual([started, { event: "step-progress", step: "pack" }]);
    report(half);
    vi.advanceTimersByTime(2 * BEAT_MS);
    expect(said.slice(2)).toEqual([half, half, half]);
    end();
    vi.advanceTimersByTime(5 * BEAT_MS);
    expect(said).toHaveLength(5);
  });

  it("is told so only after a time without any event but output", () => {
    const { said, report, end } = beating();
    report(started);
    vi.advanceTimersByTime(BEAT_MS - 1);
    report({ event: "milestone", message: "m" });
    vi.advanceTimersByTime(BEAT_MS - 1);
    report({ event: "output", line: "l" });
    expect(said).toHaveLength(3);
    vi.advanceTimersByTime(1);
    expect(said.at(-1)).toEqual({ event: "step-progress", step: "pack" });
    report({ event: "step-finished", step: "pack", seconds: 1 });
    vi.advanceTimersByTime(2 * BEAT_MS);
    expect(said.at(-1)).toMatchObject({ event: "step-finished" });
    end();
  });
});

describe("what is waited for", () => {
  it.each([
    ["short", 900, []],
    ["long", 1_100, [{ event: "milestone", message: "Removing /w" }]],
  ])("is named when it is long, not when it is short: %s", async (_how, takes, events) => {
    const said: BuildEvent[] = [];
    const work = new Promise<string>((resolve) => setTimeout(() => resolve("done"), takes));
    const waited = saidWhenSlow((event) => said.push(event), "Removing /w", work);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(await waited).toBe("done");
    expect(said).toEqual(events);
  });
});
