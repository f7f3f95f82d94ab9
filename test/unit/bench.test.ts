/** The benchmark's own computing and drawing; what it measures is no test's business. */
import { describe, expect, it } from "vitest";
import { comparedWith, inOrder, seriesOf } from "../../bench/compare.ts";
import { srunArgv } from "../../bench/crowd.ts";
import { proportionalSize } from "../../bench/memory.ts";
import { readOptions } from "../../bench/options.ts";
import { type Findings, resultsText } from "../../bench/results.ts";
import { peakMemory } from "../../bench/scale.ts";
import { bars, lines } from "../../bench/svg.ts";

const findings = (title: string, raw: Findings["raw"]): Findings => ({
  title,
  tables: [],
  limits: [],
  notes: [],
  raw,
});

const ABOUT = {
  date: "",
  kernel: "6.1",
  cores: 2,
  runtime: "apptainer version 1.4.5",
  node: "v20",
  prefixFileSystem: "ext4",
  workFileSystem: "ext4",
  loadBefore: 0,
  options: "",
};

describe("series of raw results", () => {
  it("are numbers by the names that lead to them, of builds one for each step", () => {
    const raw = {
      start: [3, 1],
      pip: {
        build: [
          { wall: 2, steps: { pack: 1 } },
          { wall: 4, steps: { pack: 3 } },
        ],
      },
    };
    expect(Object.fromEntries(seriesOf(raw))).toEqual({
      start: [3, 1],
      "pip / build / wall": [2, 4],
      "pip / build / steps / pack": [1, 3],
    });
  });

  it("ignore what is no number", () => expect(seriesOf({ kind: "pip", none: null }).size).toBe(0));

  it("are compared by medians, where both have them and they are no noise", () => {
    const before = findings("Starts", { a: [2, 2, 9], b: [0] });
    const now = findings("Starts", { a: [3, 4, 8], b: [1], c: [1] });
    expect(comparedWith(before, now)).toEqual([["Starts", "a", "2", "4", "2.00"]]);
  });

  it("of several runs are one text, each part with its own run's circumstances, in the order of the parts", () => {
    const measured = (title: string, date: string) => ({
      about: { ...ABOUT, date },
      findings: findings(title, {}),
      compared: [],
    });
    const results = { size: measured("Sizes", "2026-01-02"), start: measured("Starts", "2026-01-01") };
    const text = resultsText(inOrder(results));
    expect([...text.matchAll(/^\| (Starts|Sizes) \| (\S+)/gm)].map(([, ...found]) => found)).toEqual([
      ["Starts", "2026-01-01"],
      ["Sizes", "2026-01-02"],
    ]);
    expect(text.indexOf("## Starts")).toBeLessThan(text.indexOf("## Sizes"));
  });
});

describe("plots", () => {
  const widths = (svg: string): number[] =>
    [...svg.matchAll(/<rect x="[\d.]+" y="\d+" width="([\d.]+)" height="16"/g)].map(([, width]) =>
      Number(width),
    );

  it("have bars as long as their values, with names that cannot end the picture", () => {
    const svg = bars("Title", "ms", [
      { name: "`<a>` & b", values: [10] },
      { name: "half", values: [5] },
    ]);
    const [whole = 0, half = 0] = widths(svg);
    expect(half).toBeCloseTo(whole / 2, 0);
    expect(svg).toContain("&lt;a&gt; &amp; b");
    expect(svg).not.toContain("<a>");
  });

  it("stack what belongs together, and name the parts", () => {
    const svg = bars("Steps", "s", [{ name: "pip", values: [1, 3] }], ["install", "pack"]);
    const [install = 0, pack = 0] = widths(svg);
    expect(pack / install).toBeCloseTo(3, 1);
    expect(svg).toContain(">install<");
  });

  it("draw more upwards and to the right", () => {
    const svg = lines("Scale", { x: "files", y: "s" }, [
      {
        name: "build",
        points: [
          { x: 1, y: 1 },
          { x: 2, y: 2 },
        ],
      },
    ]);
    const [first, second] = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)];
    expect(Number(second?.[1])).toBeGreaterThan(Number(first?.[1]));
    expect(Number(second?.[2])).toBeLessThan(Number(first?.[2]));
  });
});

describe("what the parts ask of the system", () => {
  it("is one srun for all tasks on a node, however few its cores", () =>
    expect(srunArgv(256, ["/p/bin/python3", "-c", "pass"])).toEqual(
      expect.arrayContaining(["srun", "256", "--overcommit", "/p/bin/python3"]),
    ));

  it("is the kernel's own peak of memory, in bytes", () =>
    expect(peakMemory("Name:\tnode\nVmPeak:\t 9 kB\nVmHWM:\t  102400 kB\n")).toBe(104_857_600));

  it("is a process' own part of what it shares, in bytes", () =>
    expect(proportionalSize("Rss:  900 kB\nPss:  12 kB\nPss_Dirty: 8 kB\n")).toBe(12_288));

  it("is none of a scheduler, or Slurm's", () => {
    expect(readOptions(["--only", "crowd"], "/out")?.scheduler).toBe("none");
    expect(readOptions(["--scheduler", "slurm"], "/out")?.given).toContain("--scheduler slurm");
    expect(() => readOptions(["--scheduler", "pbs"], "/out")).toThrow("none or slurm");
  });
});
