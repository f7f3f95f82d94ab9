import { describe, expect, it } from "vitest";
import { environmentState, type SeenEnvironment, type SeenGeneration } from "../../../src/prefix/state.ts";
import { manifestFor } from "../../support/manifest.ts";

const manifest = manifestFor("/p", { image: { compression: "zstd", sha256: "00", size: 10, entries: 1 } });

const generation = (changes: Partial<SeenGeneration> = {}): SeenGeneration => ({
  number: 2,
  missing: [],
  imageSize: 10,
  manifest,
  builtFor: { root: "/p", anywhere: false },
  commands: ["python3"],
  ...changes,
});

const environment = (
  changes: Partial<SeenEnvironment> = {},
  current: Partial<SeenGeneration> = {},
): SeenEnvironment => ({
  root: "/p",
  current: { target: "generations/2", number: 2 },
  generations: [generation(current), generation({ number: 1 })],
  withoutLauncher: [],
  ...changes,
});

describe("the state of an environment", () => {
  it("that is whole is ok, with nothing to say", () => {
    expect(environmentState(environment())).toEqual({ condition: "ok", problems: [] });
  });

  it.each<[string, SeenEnvironment, string, string[]]>([
    [
      "current is missing",
      environment({ current: undefined }),
      "broken",
      ["/p/current is missing (there is 2, 1)"],
    ],
    [
      "current leads elsewhere",
      environment({ current: { target: "/etc", number: undefined } }),
      "broken",
      ["/p/current leads to /etc, which is no generation (there is 2, 1)"],
    ],
    [
      "current dangles",
      environment({ current: { target: "generations/7", number: 7 } }),
      "broken",
      ["/p/current leads to generation 7, which is not there (there is 2, 1)"],
    ],
    [
      "no generation is left",
      environment({ generations: [] }),
      "broken",
      ["/p/current leads to generation 2, which is not there (there is none)"],
    ],
    [
      "the image is missing",
      environment({}, { missing: ["env.sqfs"], imageSize: undefined }),
      "broken",
      ["/p/generations/2/env.sqfs is missing or cannot be read"],
    ],
    [
      "the image is cut",
      environment({}, { imageSize: 9 }),
      "broken",
      ["/p/generations/2/env.sqfs has 9 bytes instead of 10"],
    ],
    [
      "something was written behind the image",
      environment({}, { imageSize: 11 }),
      "damaged",
      ["/p/generations/2/env.sqfs has 11 bytes instead of 10"],
    ],
    [
      "a shared base is gone",
      environment({}, { missing: ["/site/base.sif"] }),
      "broken",
      ["/site/base.sif is missing or cannot be read"],
    ],
    [
      "the manifest is cut",
      environment({}, { manifest: { problem: "damaged" } }),
      "damaged",
      ["/p/generations/2/manifest.json cannot be understood: it is cut or was changed"],
    ],
    [
      "launchers are gone",
      environment({ withoutLauncher: ["python3"] }),
      "damaged",
      ["/p/bin/python3 is missing"],
    ],
    ["it is somewhere else", environment({}, { builtFor: { root: "/old", anywhere: false } }), "moved", []],
    [
      "it is somewhere else, and runs there as it is",
      environment({}, { builtFor: { root: "/old", anywhere: true } }),
      "ok",
      [],
    ],
    [
      "it may not be seen",
      environment({ closed: "/p/generations", generations: [] }),
      "unreadable",
      ["/p/generations cannot be looked into: no permission"],
    ],
  ])("%s", (_what, seen, condition, problems) => {
    const state = environmentState(seen);
    expect(state.condition).toBe(condition);
    expect(state.problems.map(({ path, what }) => `${path} ${what}`)).toEqual(problems);
  });

  it("does not depend on generations that are not current", () => {
    const other = generation({ number: 1, missing: ["env.sqfs"], manifest: { problem: "missing" } });
    expect(environmentState(environment({ generations: [generation(), other] })).condition).toBe("ok");
  });
});
