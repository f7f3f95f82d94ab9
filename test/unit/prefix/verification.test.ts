import { describe, expect, it } from "vitest";
import { readLauncherFacts, renderLauncher, renderStub } from "../../../src/prefix/launcher.ts";
import { launcherRecord, recordedLauncher, sha256Of } from "../../../src/prefix/launcher-record.ts";
import { Manifest } from "../../../src/prefix/manifest.ts";
import {
  chooseWay,
  foreignEntries,
  type GenerationState,
  launcherDifferences,
  someNames,
} from "../../../src/prefix/verification.ts";
import { launcherData } from "../../support/launcher-data.ts";
import { manifestFor } from "../../support/manifest.ts";

const ROOT = "/home/u/env";

/** A generation as a word says it: w whole, r replaced, l with a lock. */
const generation = (number: number, how: string): GenerationState => ({
  number,
  current: false,
  whole: how.includes("w"),
  replaced: how.includes("r"),
  canBeRebuilt: how.includes("l"),
});

describe("which generation is to be the current one", () => {
  it.each<[string, [number, string][], number | undefined, object]>([
    [
      "the one that is, where it is whole",
      [
        [2, "wl"],
        [1, "wr"],
      ],
      2,
      { way: "stay" },
    ],
    [
      "also when a newer one is there (after a rollback)",
      [
        [2, "wr"],
        [1, "w"],
      ],
      1,
      { way: "stay" },
    ],
    [
      "the one before, when somebody agrees",
      [
        [3, "l"],
        [2, "wr"],
        [1, "wr"],
      ],
      3,
      { way: "switch", to: 2, asks: true },
    ],
    [
      "a newer one, where no older one is whole",
      [
        [2, "wr"],
        [1, ""],
      ],
      1,
      { way: "switch", to: 2, asks: true },
    ],
    [
      "without asking the one that was in use, when current leads nowhere",
      [
        [2, "w"],
        [1, "wr"],
      ],
      9,
      { way: "switch", to: 2, asks: false },
    ],
    [
      "or when there is no current",
      [
        [2, "wr"],
        [1, "w"],
      ],
      undefined,
      { way: "switch", to: 1, asks: false },
    ],
    ["asking, when that one is gone", [[1, "wr"]], 2, { way: "switch", to: 1, asks: true }],
    [
      "none: its packages again",
      [
        [2, "l"],
        [1, "l"],
      ],
      2,
      { way: "rebuild", from: 2 },
    ],
    [
      "none: those of the one that has a lock",
      [
        [2, ""],
        [1, "l"],
      ],
      2,
      { way: "rebuild", from: 1 },
    ],
    ["none, and no lock", [[2, ""]], 2, { way: "none" }],
  ])("%s", (_what, generations, named, way) => {
    expect(
      chooseWay(
        generations.map(([number, how]) => generation(number, how)),
        named,
      ),
    ).toEqual(way);
  });
});

describe("files that are not the environment's", () => {
  const OURS = ["bin", "current", "generations", "share", "img.sqfs", ".kapseli.lock", ".nfs00ab"];
  it("are what nobody of ours has made", () => {
    expect(foreignEntries([...OURS, "data", "lib"], manifestFor(ROOT))).toEqual(["data", "lib"]);
  });
  it("are not those of an environment that was wrapped where it was", () => {
    const entries = [...OURS, "pyvenv.cfg", "lib", "conda-meta"];
    expect(foreignEntries(entries, manifestFor(ROOT, { inPlace: true }))).toEqual([]);
  });
  it("are not links that the configuration names", () => {
    const config = { sqfs_image: { value: "my.sqfs", origin: {} } };
    expect(foreignEntries([...OURS, "my.sqfs"], manifestFor(ROOT, { config }))).toEqual([]);
  });
});

describe("what a manifest records of its launcher", () => {
  const data = launcherData(ROOT, {
    id: "id",
    generation: 2,
    way: { way: "fusemount", squashfuse: "/usr/bin/squashfuse_ll" },
    layout: { kind: "view", mount: "/K_x" },
    commands: ["a", "b c", "$(id)"],
    redirects: { a: "/opt/a'b" },
    environment: [{ name: "X", change: "set", value: "it's" }],
    extraVariables: [{ name: "Y", value: "$HOME/x", type: "prepend" }],
    isolation: { mountPoints: ["/scratch"], path: "/usr/bin", libraries: "" },
    runtimeFlags: ["--no-eval"],
    environ: true,
  });
  const manifest = Manifest.parse({
    ...manifestFor(ROOT, {
      commands: [...data.commands],
      environment: [...data.environment],
      launcher: launcherRecord(data, "export Z=1\n", true),
    }),
    runtime: { ...manifestFor(ROOT).runtime, flags: ["--no-eval"] },
  });

  it("is enough to write it again, byte by byte", () => {
    const again = recordedLauncher(manifest);
    expect(again).toEqual(data);
    if (!again) throw new Error("it was recorded");
    expect(renderLauncher(again).equals(renderLauncher(data))).toBe(true);
    expect(manifest.launcher?.sha256).toEqual({
      launcher: sha256Of(renderLauncher(data)),
      stub: sha256Of(renderStub(ROOT)),
      environ: sha256Of("export Z=1\n"),
    });
  });

  it("is nothing in manifests of versions before it", () => {
    const { launcher: _launcher, ...before } = manifest;
    expect(recordedLauncher(Manifest.parse(before))).toBeUndefined();
  });

  it("without it, a launcher of another generation, place or with other commands is told", () => {
    const facts = readLauncherFacts(renderLauncher({ ...data, layout: { kind: "image" } }).toString("utf8"));
    if (!facts) throw new Error("it is a launcher");
    expect(launcherDifferences(facts, manifest)).toEqual([]);
    expect(
      launcherDifferences({ ...facts, id: "other", root: "/x", commands: ["a"] }, manifest),
    ).toHaveLength(3);
  });
});

describe("names in a message", () => {
  it("are the first few, and how many more", () => {
    expect(someNames(["a", "b"])).toBe("a, b");
    expect(someNames(["a", "b", "c", "d"], 2)).toBe("a, b and 2 more");
  });
});
