import { describe, expect, it } from "vitest";
import { makePlan, type PlanInputs } from "../../../src/plan/make-plan.ts";
import type { Plan } from "../../../src/plan/plan.ts";
import type { BuildRequest } from "../../../src/plan/request.ts";
import {
  condaRequest,
  FACTS,
  HOST_BASE,
  ID,
  IMAGE_BASE,
  inputOf,
  inside,
  NONE,
  OPTIONS,
  PIP,
  pipRequest,
  planInputs,
  planOf,
  ROOT,
  SCRIPT,
  stepOf,
  UV,
  updateRequest,
  valuesOf,
  WORK,
  wrapRequest,
} from "../../support/plan-inputs.ts";

const END = ["commands", "pack", "launchers", "check", "publish"];
const REQUIREMENTS = inputOf("pip", "/home/u/project/more.txt", "cowsay\n");
const PRE = { pre: [SCRIPT], post: [] };
const POST = { pre: [], post: [SCRIPT] };
const BOTH = { pre: [SCRIPT], post: [SCRIPT] };
const FILES = [{ name: "setup.cfg", bytes: Buffer.from("x") }];

const ids = (plan: Plan): string[] => plan.steps.map(({ id }) => id);
const update = (tool: "conda" | "pip", over: Partial<BuildRequest> = {}, before?: string) => ({
  request: updateRequest(tool, over, before),
  engine: NONE,
});
const wrap = (over: Partial<BuildRequest> = {}, masked = false) => ({
  request: wrapRequest(over, masked),
  engine: NONE,
});

describe("the steps of each mode", () => {
  it.each<[string, Partial<PlanInputs>, string[]]>([
    ["conda new", {}, ["install", "compile", "activation", ...END]],
    [
      "conda new -r, with both scripts",
      { request: { ...condaRequest("dependencies: [pip]\n"), requirements: REQUIREMENTS, hooks: BOTH } },
      ["pre-install", "install", "requirements", "post-install", "compile", "activation", ...END],
    ],
    ["pip new", { request: pipRequest(), engine: PIP }, ["install", "compile", ...END]],
    [
      "pip new --uv with a script before",
      { request: { ...pipRequest(), hooks: PRE }, engine: UV },
      ["pre-install", "install", "compile", ...END],
    ],
    ["conda update: packed again, nothing compiled", update("conda"), ["unpack", "activation", ...END]],
    ["pip update: packed again", update("pip"), ["unpack", ...END]],
    [
      "conda update with a script",
      update("conda", { hooks: POST }),
      ["unpack", "post-install", "compile", "activation", ...END],
    ],
    [
      "pip update -r with both scripts",
      update("pip", { input: REQUIREMENTS, hooks: BOTH }),
      ["unpack", "pre-install", "requirements", "post-install", "compile", ...END],
    ],
    [
      "an update of a moved prefix compiles what was rewritten",
      update("pip", {}, "/old"),
      ["unpack", "compile", ...END],
    ],
    ["wrap-install", wrap(), END],
    ["wrap-install --mask", wrap({}, true), END],
    ["wrap-install with a script", wrap({ hooks: POST }), ["copy", "post-install", ...END]],
    ["wrap-install with both", wrap({ hooks: BOTH }), ["pre-install", "copy", "post-install", ...END]],
    [
      "wrap-container packs nothing",
      { request: { ...wrapRequest(), tool: "container" }, engine: NONE },
      END.filter((id) => id !== "pack"),
    ],
    [
      "files for the installation come first",
      { request: { ...pipRequest(), hooks: BOTH, files: FILES }, engine: PIP },
      ["files", "pre-install", "install", "post-install", "compile", ...END],
    ],
    [
      "and after what is there on an update",
      update("pip", { hooks: POST, files: FILES }),
      ["unpack", "files", "post-install", "compile", ...END],
    ],
    ["files that nobody reads are not put anywhere", wrap({ files: FILES }), END],
  ])("%s", (_what, over, expected) => expect(ids(planOf(over))).toEqual(expected));
});

describe("in place", () => {
  const { origin: _none, ...plain } = updateRequest("conda");
  const request = (compile: boolean): BuildRequest => ({ ...plain, inPlace: { directory: ROOT, compile } });

  it("packs the directory where it is in one run, with the mark in it", () => {
    const plan = planOf({ request: request(false), engine: NONE });
    expect(ids(plan)).toEqual(["activation", ...END]);
    expect(plan.tree).toBe(ROOT);
    const [only, ...more] = stepOf(plan, "pack")?.commands ?? [];
    expect(more).toEqual([]);
    expect(only?.argv.slice(1, 4)).toEqual([ROOT, `${ROOT}/generations/1/env.sqfs`, "-noappend"]);
    expect(only?.argv).toContain(`.kapseli/${ID} d 755 1000 100`);
  });

  it("compiles when that is asked for", () => {
    expect(ids(planOf({ request: request(true), engine: NONE }))).toContain("compile");
  });
});

describe("the image of a directory", () => {
  const pack = (plan: Plan) => stepOf(plan, "pack")?.commands.map(({ argv }) => argv[1]);

  it("is made of the directory where it is, or of the copy that scripts changed", () => {
    expect(pack(planOf(wrap()))).toEqual(["/appl/soft"]);
    expect(pack(planOf(wrap({ hooks: POST })))).toEqual([`${WORK}/tree`]);
  });

  it("is bound at its mount while the build looks into it", () => {
    const location = { mount: "/KAPSELI_abc", environment: "/KAPSELI_abc", view: true };
    const plan = planOf({ ...wrap({ hooks: POST }), location });
    expect(plan.tree).toBe(`${WORK}/tree`);
    const where = planOf({ ...wrap(), location });
    expect(where.tree).toBe("/appl/soft");
    expect(pack(where)).toEqual(["/appl/soft", `${WORK}/additions`]);
    expect(planOf({ request: { ...wrapRequest(), tool: "container" }, engine: NONE })).not.toHaveProperty(
      "tree",
    );
  });
});

describe("a portable environment", () => {
  it("is installed at the path where its image will be mounted", () => {
    const location = { mount: "/KAPSELI_abc", environment: "/KAPSELI_abc", view: true };
    const plan = planOf({ request: { ...pipRequest(), portable: true }, engine: PIP, location });
    const [venv] = stepOf(plan, "install")?.commands ?? [];
    expect(inside(venv?.argv ?? [], HOST_BASE.path)).toEqual([
      "/usr/bin/python3.11",
      "-m",
      "venv",
      "/KAPSELI_abc",
    ]);
    expect(valuesOf(venv?.argv ?? [], "--mount").join(" ")).toContain('"dst=/KAPSELI_abc"');
    expect(plan.environment.set.SINGULARITYENV_PATH).toMatch(/^\/KAPSELI_abc\/bin:/);
  });
});

describe("requirements that come to an environment", () => {
  const words = (over: Partial<PlanInputs>) => {
    const [command, ...more] = stepOf(planOf(over), "requirements")?.commands ?? [];
    expect(more).toEqual([]);
    return { words: inside(command?.argv ?? [], HOST_BASE.path), environment: command?.environment };
  };

  it("are installed by its own pip", () => {
    const installed = words(update("pip", { input: REQUIREMENTS })).words;
    expect(installed.slice(0, 4)).toEqual([`${ROOT}/bin/python3`, "-m", "pip", "install"]);
    expect(installed.slice(-2)).toEqual(["-r", "/home/u/project/more.txt"]);
  });

  it("or by uv, where that was asked for", () => {
    const installed = words({ ...update("conda", { requirements: REQUIREMENTS }), uv: "/opt/uv" });
    expect(installed.words.slice(3, 5)).toEqual([expect.stringMatching(/\/uv_install\.py$/), "/opt/uv"]);
    expect(installed.environment).toMatchObject({ UV_LINK_MODE: "copy" });
  });

  it("are copied when they lie below the mount, which the work tree covers", () => {
    const input = inputOf("pip", `${ROOT}/more.txt`, "cowsay\n");
    const plan = planOf(update("pip", { input }));
    expect(stepOf(plan, "requirements")?.files).toEqual([
      { path: `${WORK}/inputs/requirements.txt`, content: input.bytes },
    ]);
  });
});

describe("settings of the site and of the caller", () => {
  const { config } = planInputs();
  const from = { from: "default" } as const;
  const packed = (over: Partial<PlanInputs>) => stepOf(planOf(over), "pack")?.commands[0]?.argv ?? [];

  it("num_cpus and max_num_cpus both limit the processors, and the host does", () => {
    const processors = (num: number | undefined, max: number, has = 8) =>
      planOf({
        facts: { ...FACTS, processors: has },
        config: {
          ...config,
          num_cpus: { value: num, origin: from },
          max_num_cpus: { value: max, origin: from },
        },
      }).processors;
    expect([processors(undefined, 16), processors(4, 16), processors(4, 2), processors(16, 16)]).toEqual([
      8, 4, 2, 8,
    ]);
  });

  it("sqfs_options come last, where mksquashfs lets them win", () => {
    const argv = packed({
      config: { ...config, sqfs_options: { value: ["-noappend", "-b", "1M"], origin: from } },
    });
    expect(argv.slice(-4)).toEqual(["-b", "1M", "-e", ".kapseli"]);
    expect(argv.filter((word) => word === "-noappend")).toHaveLength(1);
  });

  it("CW_NO_FIX_PERM leaves modes as they were installed", () => {
    expect(packed({}).join(" ")).toContain("chmod(a+rX)@true");
    const facts = { ...FACTS, environment: { ...FACTS.environment, CW_NO_FIX_PERM: "" } };
    expect(packed({ facts }).join(" ")).not.toContain("chmod");
  });

  it("--nocache is for pip and uv in every step", () => {
    const request = { ...pipRequest(), options: { ...OPTIONS, nocache: true } };
    expect(planOf({ request, engine: PIP }).environment.set).toMatchObject({
      PIP_NO_CACHE_DIR: "1",
      UV_NO_CACHE: "1",
    });
    expect(planOf({ request: pipRequest(), engine: PIP }).environment.set).not.toHaveProperty(
      "PIP_NO_CACHE_DIR",
    );
  });

  it("isolated, programs find the base's own and nothing of the host's", () => {
    const base = { ...IMAGE_BASE, searchPath: "/opt/base/bin:/usr/bin", libraryPath: "/opt/base/lib" };
    const facts = { ...FACTS, environment: { PATH: "/host/bin", LD_LIBRARY_PATH: "/host/lib" } };
    const isolated = { ...pipRequest(), options: { ...OPTIONS, isolated: true } };
    const { set } = makePlan(planInputs({ request: isolated, engine: PIP, base, facts })).environment;
    expect(set.APPTAINERENV_PATH).toBe(`${ROOT}/bin:/opt/base/bin:/usr/bin`);
    expect(set.APPTAINERENV_LD_LIBRARY_PATH).toBe("/opt/base/lib");
  });
});
