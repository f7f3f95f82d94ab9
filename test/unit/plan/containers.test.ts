import { describe, expect, it } from "vitest";
import { type ContainerSetting, containerCommand } from "../../../src/plan/containers.ts";
import { FACTS, HOST_BASE, IMAGE_BASE, planInputs, ROOT, valuesOf, WORK } from "../../support/plan-inputs.ts";

const { runtime, trial, location } = planInputs();
const setting = (over: Partial<ContainerSetting> = {}): ContainerSetting => ({
  runtime,
  trial,
  base: HOST_BASE,
  location,
  tree: `${WORK}/tree`,
  workDirectory: WORK,
  facts: FACTS,
  excluded: [],
  needed: [],
  ...over,
});
const mount = (path: string, destination = path) => `type=bind,"src=${path}","dst=${destination}"`;

describe("a build's container", () => {
  it("over the host base has the host's directories and the work tree at the prefix", () => {
    expect(containerCommand(setting(), "base")(["/bin/true", "x y"], FACTS.cwd)).toEqual([
      "/usr/bin/apptainer",
      "-s",
      "exec",
      ...trial.flags,
      "-H",
      "/home/u",
      "--pwd",
      "/home/u/project",
      "-B",
      "/etc,/home,/tmp,/usr",
      "--mount",
      mount(WORK),
      "--mount",
      mount(`${WORK}/tree`, ROOT),
      `${WORK}/root`,
      "/bin/true",
      "x y",
    ]);
  });

  it("over an image binds only what the image lacks, and what is needed from elsewhere", () => {
    const facts = { ...FACTS, topLevel: [...FACTS.topLevel, { name: "opt", kind: "directory" as const }] };
    const image = setting({
      base: IMAGE_BASE,
      facts,
      needed: ["/opt/micromamba", "/home/u/x", "/opt/micromamba"],
    });
    const argv = containerCommand(image, "base")(["/bin/true"]);
    expect(valuesOf(argv, "-B")).toEqual(["/home,/tmp"]);
    expect(valuesOf(argv, "--mount")).toEqual([
      mount("/opt/micromamba"),
      mount(WORK),
      mount(`${WORK}/tree`, ROOT),
    ]);
    expect(argv.slice(-2)).toEqual([IMAGE_BASE.path, "/bin/true"]);
  });

  it("runs over the host where asked to, whatever the base", () => {
    const argv = containerCommand(setting({ base: IMAGE_BASE }), "host")(["/bin/true"]);
    expect(valuesOf(argv, "-B")).toEqual(["/etc,/home,/tmp,/usr"]);
    expect(argv.slice(-2)).toEqual([`${WORK}/root`, "/bin/true"]);
  });

  it("binds a link that the skeleton lacks, and not what is excluded", () => {
    const argv = containerCommand(setting({ excluded: ["/tmp", "bin"] }), "base")(["/bin/true"]);
    expect(valuesOf(argv, "-B")).toEqual(["/etc,/home,/usr"]);
  });

  it("gives directories with odd names to --mount", () => {
    const facts = { ...FACTS, topLevel: [{ name: "a:b,c", kind: "directory" as const }] };
    const argv = containerCommand(setting({ facts }), "base")(["/bin/true"]);
    expect(valuesOf(argv, "-B")).toEqual([]);
    expect(valuesOf(argv, "--mount")[0]).toBe(mount("/a:b,c"));
  });

  it("has the flags that only a build needs", () => {
    const withBuild = setting({ trial: { ...trial, buildFlags: ["--fakeroot"] } });
    expect(containerCommand(withBuild, "base")(["/bin/true"])).toContain("--fakeroot");
  });

  it.each([
    ["a visible directory", "/home/u/p", "/home/u/p"],
    ["none", undefined, WORK],
    ["one that is not inside", "/srv/x", WORK],
    ["one below the prefix, which the tree covers", `${ROOT}/x`, WORK],
  ])("works in %s", (_what, cwd, inside) => {
    expect(valuesOf(containerCommand(setting(), "base")(["/bin/true"], cwd), "--pwd")).toEqual([inside]);
  });

  it.each([
    ["/home/u", ["/home/u"]],
    ["/home/my home", ["/home/my home"]],
    ["/home/a:b", []],
    ["relative", []],
    [undefined, []],
  ])("has HOME %s", (home, words) => {
    const facts = { ...FACTS, environment: home === undefined ? {} : { HOME: home } };
    expect(valuesOf(containerCommand(setting({ facts }), "base")(["/bin/true"]), "-H")).toEqual(words);
  });
});
