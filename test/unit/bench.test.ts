/** The benchmark's own computing and drawing; what it measures is no test's business. */
import { describe, expect, it } from "vitest";
import { comparedWith, seriesOf } from "../../bench/compare.ts";
import { srunArgv } from "../../bench/crowd.ts";
import { proportionalSize } from "../../bench/memory.ts";
import { readOptions } from "../../bench/options.ts";
import { peakMemory } from "../../bench/scale.ts";
import { bars, lines } from "../../bench/svg.ts";

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
    const part = {
      title: "Starts",
      tables: [],
      limits: [],
      notes: [],
      raw: { a: [3, 4, 8], b: [1], c: [1] },
    };
    const { rows } = comparedWith({ Starts: { a: [2, 2, 9], b: [0] }, Builds: { c: [1] } }, [part]);
    expect(rows).toEqual([["Starts", "a", "2", "4", "2.00"]]);
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
