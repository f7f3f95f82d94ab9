import { describe, expect, it } from "vitest";
import type { Plan, ReadyEngine } from "../../../src/plan/plan.ts";
import type { RattlerRequest } from "../../../src/tools/rattler.ts";
import {
  condaRequest,
  FACTS,
  HOST_BASE,
  IMAGE_BASE,
  inside,
  MICROMAMBA,
  planOf,
  RATTLER,
  ROOT,
  valuesOf,
  WORK,
} from "../../support/plan-inputs.ts";

const ENV_YML = `channels: [conda-forge, bioconda, nodefaults]
dependencies:
  - python=3.11
  - numpy[extra]>=1
  - pip
  - pip: [cowsay, -r more.txt]
variables: {A: b}
`;
const EXPLICIT = `@EXPLICIT
https://host/c/linux-64/numpy-1.26.4-py311_2.conda#0123456789abcdef0123456789abcdef
`;
const SKELETON = HOST_BASE.path;
const install = (plan: Plan) => plan.steps[0];
const rattlerRequest = (plan: Plan): RattlerRequest =>
  JSON.parse(String(install(plan)?.files.find(({ path }) => path.endsWith("rattler.json"))?.content));

describe.each<[string, string, string]>([
  ["env.yml", ENV_YML, "/home/u/project/env.yml"],
  ["an explicit list", EXPLICIT, "/home/u/project/list.txt"],
  ["a list of packages", "numpy\n", "/home/u/project/list.txt"],
])("%s", (_format, text, path) => {
  it.each<[string, ReadyEngine]>([
    ["micromamba", MICROMAMBA],
    ["mamba", { engine: "mamba", path: "/opt/mamba", why: "" }],
    ["conda", { engine: "conda", path: "/opt/conda", why: "" }],
  ])("is given to %s as one file in a folder that it may write to", (_name, engine) => {
    const plan = planOf({ request: condaRequest(text, path), engine });
    const [file] = install(plan)?.files ?? [];
    expect(file?.path.startsWith(`${WORK}/inputs/`)).toBe(true);
    expect(install(plan)?.commands).toHaveLength(1);
    const argv = install(plan)?.commands[0]?.argv ?? [];
    const words = inside(argv, SKELETON);
    expect(words[0]).toBe("path" in engine ? engine.path : "");
    expect(words.slice(-2)[1]).toBe(file?.path);
    expect(valuesOf(words, "-p")).toEqual([ROOT]);
    expect(valuesOf(argv, "--pwd")).toEqual(["/home/u/project"]);
  });
});

describe("over an image base", () => {
  it("micromamba runs in it, bound where it lies", () => {
    const argv = install(planOf({ base: IMAGE_BASE }))?.commands[0]?.argv ?? [];
    expect(inside(argv, IMAGE_BASE.path)[0]).toBe("/opt/micromamba");
    expect(argv).toContain('type=bind,"src=/opt/micromamba","dst=/opt/micromamba"');
  });

  it.each<[string, ReadyEngine]>([
    ["mamba", { engine: "mamba", path: "/opt/mamba", why: "" }],
    ["conda", { engine: "conda", path: "/opt/conda/bin/conda", why: "" }],
  ])("%s, which needs its own Python, runs over the host", (_name, engine) => {
    const argv = install(planOf({ base: IMAGE_BASE, engine }))?.commands[0]?.argv ?? [];
    expect(argv).not.toContain(IMAGE_BASE.path);
    expect(argv).toContain(SKELETON);
    expect(argv).toContain(`type=bind,"src=${WORK}/tree","dst=${ROOT}"`);
  });

  it("rattler, which writes the prefix without being there, runs on the host itself", () => {
    const [command] = install(planOf({ base: IMAGE_BASE, engine: RATTLER }))?.commands ?? [];
    expect(command?.argv[0]).toBe("python" in RATTLER ? RATTLER.python : "");
    expect(command?.argv).not.toContain(ROOT);
  });

  it("the packages' post-link scripts run in it, where there are any", () => {
    const command = install(planOf({ base: IMAGE_BASE, engine: RATTLER }))?.commands[1];
    expect(inside(command?.argv ?? [], IMAGE_BASE.path)[0]).toBe("/bin/sh");
    expect(command?.onlyWith).toBe(`${WORK}/inputs/link-scripts`);
  });

  it("rattler's pip: section is installed in the base, by the environment's Python", () => {
    const plan = planOf({ base: IMAGE_BASE, engine: RATTLER, request: condaRequest(ENV_YML) });
    const argv = install(plan)?.commands[2]?.argv ?? [];
    expect(inside(argv, IMAGE_BASE.path)[0]).toBe(`${ROOT}/bin/python3`);
  });

  it("the solver sees the base's C library", () => {
    const plan = planOf({ base: { ...IMAGE_BASE, glibc: "2.31" }, engine: RATTLER });
    expect(install(plan)?.commands[0]?.environment).toMatchObject({ CONDA_OVERRIDE_GLIBC: "2.31" });
  });

  it("unless the user says which", () => {
    const facts = { ...FACTS, environment: { ...FACTS.environment, CONDA_OVERRIDE_GLIBC: "2.17" } };
    const plan = planOf({ base: { ...IMAGE_BASE, glibc: "2.31" }, engine: RATTLER, facts });
    expect(install(plan)?.commands[0]?.environment ?? {}).not.toHaveProperty("CONDA_OVERRIDE_GLIBC");
  });
});

describe("what rattler is asked for", () => {
  it("is the file's channels, packages and variables", () => {
    const plan = planOf({ engine: RATTLER, request: condaRequest(ENV_YML) });
    expect(rattlerRequest(plan)).toEqual({
      tree: `${WORK}/tree`,
      prefix: ROOT,
      published: ROOT,
      linkScripts: `${WORK}/inputs/link-scripts`,
      platform: "linux-64",
      cache: "/home/u/.cache/kapseli/rattler",
      channels: ["https://conda.anaconda.org/conda-forge", "https://conda.anaconda.org/bioconda"],
      specs: ["python=3.11", "numpy>=1", "pip"],
      packages: null,
      variables: { A: "b" },
    });
  });

  it("is pip too when the file has a pip: section and no pip", () => {
    const request = condaRequest("dependencies: [python, {pip: [cowsay]}]\n");
    expect(rattlerRequest(planOf({ engine: RATTLER, request })).specs).toEqual(["python", "pip"]);
  });

  it("is the pip: section as pip reads it, relative files made absolute", () => {
    const plan = planOf({ engine: RATTLER, request: condaRequest(ENV_YML) });
    const file = install(plan)?.files.find(({ path }) => path.endsWith("pip-section.txt"));
    expect(file?.content).toBe("cowsay\n-r /home/u/project/more.txt\n");
    expect(install(plan)?.commands[2]?.argv.slice(-2)).toEqual(["-r", file?.path]);
  });

  it("is exactly the packages of an explicit list, with their hashes", () => {
    const request = condaRequest(EXPLICIT, "/home/u/list.txt");
    expect(rattlerRequest(planOf({ engine: RATTLER, request }))).toMatchObject({
      channels: [],
      specs: [],
      packages: [
        {
          url: "https://host/c/linux-64/numpy-1.26.4-py311_2.conda",
          name: "numpy",
          version: "1.26.4",
          build: "py311_2",
          buildNumber: 2,
          subdir: "linux-64",
          md5: "0123456789abcdef0123456789abcdef",
        },
      ],
    });
  });

  it("is conda-forge where a list names no channel", () => {
    const request = condaRequest("numpy\n", "/home/u/list.txt");
    const { channels, specs } = rattlerRequest(planOf({ engine: RATTLER, request }));
    expect(channels).toEqual(["https://conda.anaconda.org/conda-forge"]);
    expect(specs).toEqual(["numpy"]);
  });
});

describe("the user's own package caches", () => {
  const packageCaches = ["/scratch/u/pkgs", "/opt/pkgs"];

  it.each<[string, ReadyEngine]>([
    ["micromamba", MICROMAMBA],
    ["conda", { engine: "conda", path: "/opt/conda", why: "" }],
  ])("are %s's, and seen in the container", (_name, engine) => {
    const plan = planOf({ engine, packageCaches, base: IMAGE_BASE });
    expect(install(plan)?.commands[0]?.environment?.CONDA_PKGS_DIRS).toBe("/scratch/u/pkgs,/opt/pkgs");
    expect(plan.needed).toEqual(expect.arrayContaining(packageCaches));
  });

  it("are rattler's: the first", () => {
    expect(rattlerRequest(planOf({ engine: RATTLER, packageCaches })).packageCache).toBe("/scratch/u/pkgs");
    expect(rattlerRequest(planOf({ engine: RATTLER }))).not.toHaveProperty("packageCache");
  });
});
