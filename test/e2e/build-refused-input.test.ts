import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  build,
  call,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  newPlace,
  type Place,
  put,
  putEnv,
} from "../support/builds.ts";
import { ordinary } from "../support/real.ts";

let place: Place;
beforeAll(() => {
  place = newPlace(ordinary());
});
afterAll(() => place?.[Symbol.dispose]());

describe("what cannot be solved", () => {
  it.each([
    ["a package that no channel has", "kapseli-nowhere-at-all", "not found", "kapseli-nowhere-at-all"],
    ["a version that no channel has", "kapseli-versions=3.0", "not found", "kapseli-versions"],
    [
      "a package that contradicts another",
      "kapseli-conflict, python=3.11",
      "cannot be installed together",
      "python <3",
    ],
    [
      "a dependency that no channel has",
      "kapseli-unsatisfiable",
      "cannot be installed together",
      "kapseli-nowhere >=1",
    ],
    ["a library newer than this host's", "kapseli-glibc-future", "cannot be installed", "__glibc >=9"],
    ["a graphics processor that is not here", "kapseli-cuda", "cannot be installed", "__cuda >=11"],
  ])("%s is explained by the solver", (_what, dependencies, message, explanation) => {
    putEnv(place, dependencies, "", "solve.yml");
    const refused = build(place, "conda-containerize", [
      "--engine",
      "rattler",
      "--prefix",
      "solve",
      "solve.yml",
    ]);
    expectRefused(refused, 5, message, explanation);
    expectNothingLeft(place, join(place.directory, "solve"));
  });

  it("a graphics processor that is not here may be assumed", () => {
    putEnv(place, "kapseli-cuda, kapseli-versions", "", "cuda.yml");
    const args = ["--engine", "rattler", "--prefix", "cuda", "cuda.yml"];
    expectBuilt(place, build(place, "conda-containerize", args, { env: { CONDA_OVERRIDE_CUDA: "12.0" } }));
  });
});

describe("an input file", () => {
  const conda = (name: string) => build(place, "conda-containerize", ["--prefix", "input", name]);
  const pip = (name: string) => build(place, "pip-containerize", ["--prefix", "input", name]);

  it.each([
    ["that does not exist", "nowhere.yml", undefined, ["nowhere.yml", "does not exist"]],
    ["that is empty", "empty.yml", "", ["empty.yml", "empty"]],
    [
      "that is binary",
      "binary.yml",
      Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 0xff]),
      ["binary.yml", "binary"],
    ],
    ["that is no YAML", "broken.yml", "dependencies: [python\nchannels: }", [/broken\.yml:\d+:\d+/]],
    ["whose dependencies are no list", "nolist.yml", "dependencies: python\n", [/nolist\.yml:1:\d+/, "list"]],
    [
      "with a bad version",
      "version.yml",
      "dependencies:\n  - python=>=3\n",
      [/version\.yml:2:\d+/, '"=>=" is no version operator'],
    ],
  ])("%s is refused with its place", (_what, name, content, says) => {
    if (content !== undefined) put(place, name, content);
    expectRefused(conda(name), 3, ...says);
    expectNothingLeft(place, join(place.directory, "input"));
  });

  it("that is a YAML alias bomb is refused at once", () => {
    const levels = "abcdefghijklmnop".split("");
    const bomb = levels.map((name, index) => {
      const before = levels[index - 1];
      return `${name}: &${name} [${before ? Array(9).fill(`*${before}`).join(", ") : "python"}]`;
    });
    put(place, "bomb.yml", `${bomb.join("\n")}\ndependencies: *p\n`);
    expectRefused(conda("bomb.yml"), 3, "bomb.yml");
    expectNothingLeft(place, join(place.directory, "input"));
  });

  it("with a package named like a command is refused, and nothing is evaluated", () => {
    put(place, "evil.yml", 'dependencies: ["$(touch pwned)"]\n');
    expectRefused(conda("evil.yml"), 3, "evil.yml:1", "$(touch pwned)");
    put(place, "evil.txt", "$(touch pwned)\n`touch pwned`\n");
    const refused = pip("evil.txt");
    expectRefused(refused, 3, "evil.txt:1", "evil.txt:2");
    expect(call(place, ["ls", place.directory]).stdout).not.toContain("pwned");
    expectNothingLeft(place, join(place.directory, "input"));
  });

  it("of requirements that does not exist, or includes what does not exist, is refused with the line", () => {
    expectRefused(pip("no-requirements.txt"), 3, "no-requirements.txt", "does not exist");
    put(place, "includes.txt", "cowsay\n-r not-there.txt\n");
    expectRefused(pip("includes.txt"), 3, "includes.txt:2", "not-there.txt");
    expectNothingLeft(place, join(place.directory, "input"));
  });
});
