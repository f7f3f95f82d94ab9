import { describe, expect, it } from "vitest";
import type { PlanInputs } from "../../../src/plan/make-plan.ts";
import {
  applyEnvironment,
  condaPlatform,
  defaultChannels,
  makePlan,
  planEnvironment,
} from "../../../src/plan/make-plan.ts";
import type { BuildRequest, Input, Origin } from "../../../src/plan/request.ts";
import {
  commandsOf,
  condaRequest,
  FACTS,
  IMAGE_BASE,
  inside,
  MICROMAMBA,
  PIP,
  pipRequest,
  planInputs,
  planOf,
  ROOT,
  stepOf,
  UV,
  WORK,
} from "../../support/plan-inputs.ts";
import { CONDA_STEPS } from "../../support/steps.ts";

const ENV_YML =
  "channels: [conda-forge]\ndependencies: [python=3.11, pip, {pip: [cowsay]}]\nvariables: {A: b c}\n";
const SKELETON = `${WORK}/root`;
const ORIGIN: Origin = {
  image: "/p/image.sqfs",
  location: { mount: ROOT, environment: ROOT, view: false },
  wrapperLinks: [],
  inputs: [],
};

describe("the steps of a build", () => {
  it("of a conda environment", () => {
    expect(planOf().steps.map((step) => step.id)).toEqual(CONDA_STEPS);
  });

  it("of a pip environment has no activation", () => {
    const ids = planOf({ request: pipRequest(), engine: PIP }).steps.map((step) => step.id);
    expect(ids).not.toContain("activation");
    expect(ids).toHaveLength(7);
  });

  it("are the same for the same inputs", () =>
    expect(makePlan(planInputs())).toEqual(makePlan(planInputs())));

  it("do not take an engine of the other tool", () => {
    expect(() => planOf({ request: pipRequest(), engine: MICROMAMBA })).toThrow(RangeError);
    expect(() => planOf({ engine: PIP })).toThrow(RangeError);
  });

  it("pack what the trial found to mount, with the host's processors", () => {
    const { trial, config } = planInputs();
    const plan = planOf({
      trial: { ...trial, compression: "lz4", mksquashfsActions: false },
      config: { ...config, max_num_cpus: { value: 3, origin: { from: "default" } } },
    });
    const pack = plan.steps.find((step) => step.id === "pack")?.commands[0]?.argv;
    expect(pack?.slice(0, 3)).toEqual([
      "/usr/bin/mksquashfs",
      `${WORK}/tree`,
      `${ROOT}/generations/1/env.sqfs`,
    ]);
    expect(pack?.join(" ")).toContain(" -comp lz4 ");
    expect(pack?.join(" ")).toContain(" -processors 3 ");
    expect(plan.processors).toBe(3);
  });
});

describe("pip", () => {
  const requirements = "/home/u/project/requirements.txt";

  it("makes a venv at the prefix and installs the user's own file", () => {
    const plan = planOf({ request: pipRequest(), engine: PIP });
    const [venv, install] = commandsOf(plan);
    expect(inside(venv?.argv ?? [], SKELETON)).toEqual(["/usr/bin/python3.11", "-m", "venv", ROOT]);
    const words = inside(install?.argv ?? [], SKELETON);
    expect(words.slice(0, 4)).toEqual([`${ROOT}/bin/python3`, "-m", "pip", "install"]);
    expect(words.slice(-2)).toEqual(["-r", requirements]);
    expect(words).toContain(`${WORK}/pip-report.json`);
    expect(plan.steps[0]?.files).toEqual([]);
  });

  it("as uv, which installs from the host into the tree, where its cache can be linked from", () => {
    const plan = planOf({ request: pipRequest(), engine: UV });
    const [venv, install, next] = commandsOf(plan);
    expect(next?.purpose).toBe("pack");
    const script = `${WORK}/inputs/uv-install.sh`;
    const installer = `${WORK}/inputs/uv_install.py`;
    expect(inside(venv?.argv ?? [], SKELETON)).toEqual([
      "/bin/sh",
      script,
      "/opt/uv",
      "/usr/bin/python3.11",
      ROOT,
      "",
      installer,
    ]);
    expect(install?.argv).toEqual([
      "/bin/sh",
      script,
      "/opt/uv",
      "",
      `${WORK}/tree`,
      requirements,
      installer,
    ]);
    expect(install?.environment).not.toHaveProperty("UV_LINK_MODE");
    expect(stepOf(plan, "install")?.inTree).toBe(true);
  });

  describe("from a lock, in one call what has hashes, in another what has none", () => {
    const hashed = ["a==1 --hash=sha256:00"];
    const request = (locked: NonNullable<Input["locked"]>): BuildRequest => {
      const { input, ...others } = pipRequest();
      if (!input) throw new Error("it has an input");
      return { ...others, input: { ...input, regular: false, locked } };
    };
    const lists = [`${WORK}/inputs/requirements.txt`, `${WORK}/inputs/requirements-without-hashes.txt`];
    const CHECKED = ["--no-deps", "--require-hashes", lists[0]];
    const UNCHECKED = ["--no-deps", lists[1]];

    it.each([
      ["pip", { engine: PIP }],
      ["uv, from the host into the tree", { engine: UV }],
      ["uv over an image", { engine: UV, base: IMAGE_BASE }],
      ["an update by pip", { engine: PIP, origin: ORIGIN }],
      ["an update by uv", { engine: UV, uv: "/opt/uv", origin: ORIGIN }],
    ])("by %s", (_what, { origin, ...over }: Partial<PlanInputs> & { origin?: Origin }) => {
      const both = { ...request({ hashed, unhashed: ["b @ file:///b"] }), ...(origin ? { origin } : {}) };
      const plan = planOf({ request: both, ...over });
      const step = stepOf(plan, origin ? "requirements" : "install");
      const [checked, unchecked] = step?.commands.slice(-2) ?? [];
      expect(checked?.argv).toEqual(expect.arrayContaining(CHECKED));
      expect(checked?.argv).not.toContain(lists[1]);
      expect(unchecked?.argv).toEqual(expect.arrayContaining(UNCHECKED));
      expect(unchecked?.argv).not.toContain(lists[0]);
      expect(unchecked?.argv).not.toContain("--require-hashes");
      const contents = step?.files.filter(({ path }) => lists.includes(path)).map(({ content }) => content);
      expect(contents).toEqual([`${hashed[0]}\n`, "b @ file:///b\n"]);
    });

    it("and no call for what there is none of", () => {
      const plan = planOf({ request: request({ hashed, unhashed: [] }), engine: PIP });
      expect(commandsOf(plan).map(({ argv }) => argv.includes("--require-hashes"))).toEqual([
        false,
        true,
        false,
      ]);
    });
  });

  it.each<[string, Partial<PlanInputs>]>([
    ["over an image", { base: IMAGE_BASE }],
    [
      "with a Python that uv finds or brings",
      {
        request: { ...pipRequest(), options: { ...pipRequest().options, pyver: "3.12" } },
      },
    ],
    [
      "at a path of which its scripts have another form",
      { location: { mount: "/a b", environment: "/a b", view: false } },
    ],
    ["in a build directory of such a path", { workDirectory: "/tmp/it's/cw-ABCDEF" }],
  ])("as uv in one container start, with copies: %s", (_what, over) => {
    const plan = planOf({ request: pipRequest(), engine: UV, ...over });
    const [install, next] = commandsOf(plan);
    expect(next?.purpose).toBe("pack");
    const path = over.base?.path ?? `${over.workDirectory ?? WORK}/root`;
    const words = inside(install?.argv ?? [], path);
    const script = `${over.workDirectory ?? WORK}/inputs/uv-install.sh`;
    expect(words.slice(0, 3)).toEqual(["/bin/sh", script, "/opt/uv"]);
    expect(words.at(-2)).toBe(requirements);
    expect(install?.environment).toMatchObject({ UV_LINK_MODE: "copy" });
    expect(stepOf(plan, "install")?.inTree).toBeUndefined();
  });

  it.each([
    ["a pipe", { regular: false }],
    ["a file below the prefix, which the work tree covers", { path: `${ROOT}/requirements.txt` }],
  ])("gets a copy of %s", (_what, change) => {
    const request = pipRequest();
    const { input } = request;
    if (!input) throw new Error("a request without an input");
    const plan = planOf({ request: { ...request, input: { ...input, ...change } }, engine: PIP });
    const copy = `${WORK}/inputs/requirements.txt`;
    expect(plan.steps[0]?.files).toEqual([{ path: copy, content: input.bytes }]);
    expect(commandsOf(plan)[1]?.argv.slice(-2)).toEqual(["-r", copy]);
  });
});

describe("activation", () => {
  it("runs twice; the variables are read from what was installed", () => {
    const plan = planOf({
      request: condaRequest(`${ENV_YML}  B: $(touch pwned)\n`.replace("{A: b c}", "\n  A: b c")),
    });
    const step = plan.steps.find(({ id }) => id === "activation");
    expect(step?.commands).toHaveLength(2);
    for (const command of step?.commands ?? []) {
      expect(command.argv.join(" ")).not.toContain("touch pwned");
      expect(inside(command.argv, SKELETON).slice(0, 2)).toEqual(["/bin/sh", "-c"]);
    }
    expect(step?.files.map(({ path }) => path)).toEqual([`${WORK}/activation/capture.sh`]);
  });

  it("runs in the base", () => {
    const plan = planOf({ request: condaRequest(ENV_YML), base: IMAGE_BASE });
    const step = plan.steps.find(({ id }) => id === "activation");
    expect(step?.commands.every(({ argv }) => argv.includes(IMAGE_BASE.path))).toBe(true);
  });
});

describe("nothing is evaluated by a shell", () => {
  const bad = "$(touch pwned)";

  it.each([
    ["conda", planOf({ request: condaRequest("dependencies: [python]\n", `/home/u/${bad}/env.yml`) })],
    ["pip", planOf({ request: pipRequest("a\n", `/home/u/${bad}/requirements.txt`), engine: PIP })],
    ["uv", planOf({ request: pipRequest("a\n", `/home/u/${bad}/requirements.txt`), engine: UV })],
  ])("a path with %s stays within one word of %s", (_tool, plan) => {
    for (const { argv } of commandsOf(plan)) {
      for (const word of argv) if (word.includes("touch")) expect(word).toContain(bad);
      const shell = argv.findIndex((word, index) => word === "-c" && /sh$/.test(argv[index - 1] ?? ""));
      // The only programs for a shell are ours, whatever the request.
      if (shell >= 0) expect(argv[shell + 1]).toMatch(/^# /);
    }
    expect(commandsOf(plan).some(({ argv }) => argv.some((word) => word.includes(bad)))).toBe(true);
  });
});

describe("the environment of every command", () => {
  const environment = {
    PATH: "/usr/bin",
    HOME: "/home/u",
    PYTHONHOME: "/x",
    PIP_TARGET: "/x",
    UV_PYTHON: "/x",
    CONDA_PREFIX: "/x",
    BASH_ENV: "/x",
    SINGULARITY_BIND: "/x",
    PIP_INDEX_URL: "https://mirror/simple",
    CONDA_OVERRIDE_CUDA: "12.0",
    TMPDIR: "/gone",
  };

  it("has the prefix's programs first, and the build's directory for temporary files", () => {
    const { set } = planEnvironment({ environment }, ROOT, `${WORK}/tmp`);
    expect(set).toMatchObject({
      SINGULARITYENV_PATH: `${ROOT}/bin:/usr/bin`,
      APPTAINERENV_PATH: `${ROOT}/bin:/usr/bin`,
      TMPDIR: `${WORK}/tmp`,
    });
    expect(set).not.toHaveProperty("SINGULARITYENV_LD_LIBRARY_PATH");
  });

  it("carries LD_LIBRARY_PATH, which the runtime drops", () => {
    const { set } = planEnvironment({ environment: { LD_LIBRARY_PATH: "/opt/lib" } }, ROOT, "/t");
    expect(set).toMatchObject({
      SINGULARITYENV_LD_LIBRARY_PATH: "/opt/lib",
      APPTAINERENV_LD_LIBRARY_PATH: "/opt/lib",
    });
  });

  it("lacks what leads an installer astray and keeps what the user set for it", () => {
    const applied = applyEnvironment(environment, planEnvironment({ environment }, ROOT, "/t"));
    for (const name of [
      "PYTHONHOME",
      "PIP_TARGET",
      "UV_PYTHON",
      "CONDA_PREFIX",
      "BASH_ENV",
      "SINGULARITY_BIND",
    ]) {
      expect(applied).not.toHaveProperty(name);
    }
    expect(applied).toMatchObject({
      PIP_INDEX_URL: "https://mirror/simple",
      CONDA_OVERRIDE_CUDA: "12.0",
      TMPDIR: "/t",
    });
  });
});

describe("conda's names", () => {
  it.each([
    ["x86_64", "linux-64"],
    ["aarch64", "linux-aarch64"],
    ["ppc64le", "linux-ppc64le"],
  ])("%s is %s", (architecture, name) => expect(condaPlatform(architecture)).toBe(name));

  it.each([
    [{}, ["conda-forge"]],
    [{ CONDA_CHANNELS: "bioconda,conda-forge," }, ["bioconda", "conda-forge"]],
  ])("default channels with %j", (environment, channels) =>
    expect(defaultChannels(environment)).toEqual(channels),
  );

  it("follow the host's processor", () => {
    const plan = planOf({
      facts: { ...FACTS, architecture: "aarch64" },
      engine: { engine: "rattler", python: "/r/bin/python", why: "" },
    });
    const contents = plan.steps[0]?.files.map(({ content }) => content).join("\n");
    expect(contents).toContain('"platform":"linux-aarch64"');
  });
});
