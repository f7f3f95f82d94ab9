import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BuildEvent } from "../../../src/report/events.ts";
import {
  durationText,
  jsonReport,
  type LogLevel,
  plainReport,
  terminalReport,
} from "../../../src/report/lines.ts";

function sinks() {
  const said = { out: "", err: "" };
  return {
    said,
    out: (text: string) => {
      said.out += text;
    },
    err: (text: string) => {
      said.err += text;
    },
  };
}

const EVENTS: BuildEvent[] = [
  { event: "milestone", message: "Starting" },
  { event: "step-started", step: "install", title: "Installing", index: 1, of: 2 },
  { event: "command", argv: ["pip", "install"] },
  { event: "output", line: "Collecting a" },
  { event: "step-progress", step: "install", fraction: 0.5, detail: "linking a" },
  { event: "warning", message: "careful", hint: "Do this." },
  { event: "debug", message: "details" },
  { event: "step-finished", step: "install", seconds: 1.25, detail: "3 packages" },
];

describe("a duration", () => {
  it.each([
    [0, "0.0 s"],
    [1.25, "1.3 s"],
    [59.94, "59.9 s"],
    [59.96, "1 min 0 s"],
    [60, "1 min 0 s"],
    [119.7, "2 min 0 s"],
    [3725, "62 min 5 s"],
  ])("%d is %s", (seconds, text) => expect(durationText(seconds)).toBe(text));
});

describe("plain lines of a long step", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("say how far it is after half a minute of silence, not before", () => {
    const to = sinks();
    const report = plainReport(to, 2);
    const said = (event: BuildEvent): string => {
      to.said.out = "";
      report(event);
      return to.said.out;
    };
    said({ event: "step-started", step: "pack", title: "Packing", index: 1, of: 1 });
    vi.advanceTimersByTime(29_000);
    expect(said({ event: "step-progress", step: "pack", fraction: 0.25, detail: "packing" })).toBe("");
    vi.advanceTimersByTime(1_000);
    expect(said({ event: "step-progress", step: "pack", fraction: 0.254, detail: "packing" })).toBe(
      "         25 %, packing, 30.0 s so far\n",
    );
    expect(said({ event: "step-progress", step: "pack", fraction: 0.26 })).toBe("");
    vi.advanceTimersByTime(20_000);
    expect(said({ event: "milestone", message: "half" })).toBe("[ INFO ] half\n");
    vi.advanceTimersByTime(29_000);
    expect(said({ event: "step-progress", step: "pack" })).toBe("");
    vi.advanceTimersByTime(1_000);
    expect(said({ event: "step-progress", step: "pack" })).toBe("         1 min 20 s so far\n");
  });

  it("say nothing of it at level 1", () => {
    const to = sinks();
    const report = plainReport(to, 1);
    vi.advanceTimersByTime(100_000);
    report({ event: "step-progress", step: "pack", fraction: 0.5 });
    expect(to.said.out).toBe("");
  });
});

describe("plain lines", () => {
  const at = (level: LogLevel) => {
    const to = sinks();
    for (const event of EVENTS) plainReport(to, level)(event);
    return to.said;
  };
  const warning = "[ WARNING ] careful Do this.\n";

  it("at level 0 say nothing", () => expect(at(0)).toEqual({ out: "", err: "" }));
  it("at level 1 are warnings, on both streams", () => expect(at(1)).toEqual({ out: warning, err: warning }));
  it("at level 2 are the steps too", () => {
    expect(at(2)).toEqual({
      out: `[ INFO ] Starting\n[ INFO ] Installing\n${warning}         1.3 s, 3 packages\n`,
      err: warning,
    });
  });
  it("at level 3 are commands and their output too, with the time", () => {
    expect(at(3).out).toMatch(/\[ \d\d:\d\d:\d\d DEBUG \] \$ pip install\n {9}Collecting a\n/);
    expect(at(3).out).toContain("DEBUG ] details\n");
  });
});

describe("a terminal", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("has a live line with the step, the time and how far it is, which is gone at the end", () => {
    const to = sinks();
    const { report, end } = terminalReport(to, 2, () => 60);
    for (const event of EVENTS.slice(0, 5)) report(event);
    to.said.out = "";
    vi.advanceTimersByTime(2_040);
    expect(to.said.out.split("\r").at(-1)).toMatch(/1\/2 Installing {2}2\.0 s {2}50 % {2}linking a$/);
    to.said.out = "";
    for (const event of EVENTS.slice(5)) report(event);
    expect(to.said.err).toBe("[ WARNING ] careful Do this.\n");
    expect(to.said.out).toContain("[ INFO ] Installing (1.3 s, 3 packages)\n");
    expect(to.said.out.endsWith(")\n")).toBe(true);
    to.said.out = "";
    end();
    vi.advanceTimersByTime(10_000);
    expect(to.said.out).toBe("");
  });

  it("never has a live line longer than it is wide", () => {
    const to = sinks();
    const { report, end } = terminalReport(to, 2, () => 20);
    for (const event of EVENTS.slice(0, 5)) report(event);
    vi.advanceTimersByTime(600);
    end();
    const drawn = to.said.out.split("\r\x1b[2K").filter((text) => /^[⠀-⣿]/.test(text));
    expect(drawn.length).toBeGreaterThan(3);
    for (const line of drawn) expect([...line].length).toBeLessThanOrEqual(19);
  });

  it("shows the live line of no step at level 1", () => {
    const to = sinks();
    const { report, end } = terminalReport(to, 1, () => 60);
    for (const event of EVENTS) report(event);
    end();
    expect(to.said).toEqual({ out: "", err: "[ WARNING ] careful Do this.\n" });
  });
});

describe("JSON", () => {
  it("is one object a line, without what programs print", () => {
    const to = sinks();
    for (const event of EVENTS) jsonReport(to.out)(event);
    const lines = to.said.out.trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(EVENTS.filter(({ event }) => event !== "output"));
  });
});
