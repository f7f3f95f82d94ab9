/** What `makePlan` takes, for an ordinary host; a test changes the part that it is about. */
import { resolveConfig } from "../../src/config/resolve.ts";
import type { HostFacts } from "../../src/host/facts.ts";
import type { ReadContext } from "../../src/inputs/read-context.ts";
import { readInput } from "../../src/inputs/read-input.ts";
import { makePlan, type PlanInputs } from "../../src/plan/make-plan.ts";
import type { Plan, PlannedCommand, ReadyEngine, ResolvedBase } from "../../src/plan/plan.ts";
import type {
  BuildRequest,
  EnvironmentOptions,
  HookScript,
  Input,
  InputValue,
} from "../../src/plan/request.ts";
import { standardFlags } from "../../src/tools/singularity.ts";

export const ROOT = "/home/u/env";
export const WORK = "/tmp/cw-ABC123";
export const ID = "5d8e";

export const FACTS: HostFacts = {
  hostname: "login1",
  user: { uid: 1000, gid: 100, name: "u" },
  home: "/home/u",
  architecture: "x86_64",
  processors: 8,
  topLevel: [
    { name: "bin", kind: "link", target: "usr/bin" },
    { name: "etc", kind: "directory" },
    { name: "home", kind: "directory" },
    { name: "proc", kind: "directory" },
    { name: "tmp", kind: "directory" },
    { name: "usr", kind: "directory" },
  ],
  environment: { HOME: "/home/u", PATH: "/usr/bin:/bin" },
  cwd: "/home/u/project",
  installerFiles: [],
  hanging: [],
};

const ALL_BESIDE: ReadContext = {
  env: {},
  platform: "linux-64",
  readBeside: () => Buffer.from("numpy\n"),
  existsBeside: () => true,
};

/** An input file as the command line reads it; errors in it are the test's own mistake. */
export function inputOf(tool: "conda" | "pip", path: string, content: string | Uint8Array): Input {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const reading = readInput(tool, path, bytes, ALL_BESIDE);
  const errors = reading.diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length > 0 || reading.value === undefined) throw new Error(JSON.stringify(errors));
  return {
    path,
    regular: true,
    included: [],
    bytes,
    content: { format: reading.format, value: reading.value } as InputValue,
  };
}

/** What a request is when no option is given. */
export const OPTIONS: EnvironmentOptions = {
  uv: false,
  systemSitePackages: false,
  nocache: false,
  wrapperPaths: [],
  extra: [],
  libraries: [],
  own: { wrapperPaths: [], extra: [], libraries: [] },
  isolated: false,
};

const REQUEST = { prefix: ROOT, options: OPTIONS, hooks: { pre: [], post: [] }, portable: false } as const;

export function condaRequest(content: string, path = "/home/u/project/env.yml"): BuildRequest {
  return { ...REQUEST, tool: "conda", input: inputOf("conda", path, content) };
}

export function pipRequest(
  content = "cowsay==6.1\n",
  path = "/home/u/project/requirements.txt",
): BuildRequest {
  return { ...REQUEST, tool: "pip", input: inputOf("pip", path, content) };
}

/** A script of the user's, as a line of the configuration. */
export const SCRIPT: HookScript = { shown: "post_install[0]", text: "true\n" };

/** An update of an environment that covers its prefix, or was at another place before. */
export function updateRequest(
  tool: "conda" | "pip",
  over: Partial<BuildRequest> = {},
  before = ROOT,
): BuildRequest {
  const location = { mount: before, environment: before, view: false };
  const origin = { image: `${ROOT}/generations/1/env.sqfs`, location, wrapperLinks: [], inputs: [] };
  return { ...REQUEST, tool, origin, ...over };
}

/** A directory that wrap-install packs. */
export function wrapRequest(over: Partial<BuildRequest> = {}, masked = false): BuildRequest {
  return { ...REQUEST, tool: "directory", wrap: { directory: "/appl/soft", masked }, ...over };
}

export const HOST_BASE: ResolvedBase = {
  kind: "host",
  source: "host",
  path: `${WORK}/root`,
  shared: false,
  occupiedTopLevel: [],
};

export const IMAGE_BASE: ResolvedBase = {
  kind: "image",
  source: "debian12",
  path: "/home/u/.cache/kapseli/bases/debian12.sif",
  shared: false,
  occupiedTopLevel: ["bin", "etc", "usr"],
};

export const MICROMAMBA: ReadyEngine = { engine: "micromamba", path: "/opt/micromamba", why: "asked for" };
export const RATTLER: ReadyEngine = {
  engine: "rattler",
  python: "/home/u/.cache/kapseli/tools/r/bin/python",
  why: "asked for",
};
/** Updates and wrapped software need no engine. */
export const NONE: ReadyEngine = { engine: "none", why: "nothing is to be installed" };
export const PIP: ReadyEngine = { engine: "pip", python: "/usr/bin/python3.11", why: "Python 3.11.2" };
export const UV: ReadyEngine = { engine: "uv", path: "/opt/uv", python: "/usr/bin/python3.11", why: "found" };

export function planInputs(over: Partial<PlanInputs> = {}): PlanInputs {
  const facts = over.facts ?? FACTS;
  const base = over.base ?? HOST_BASE;
  const { config } = resolveConfig({
    environment: facts.environment,
    home: facts.home,
    cwd: facts.cwd,
    flags: {},
  });
  return {
    id: ID,
    request: condaRequest("dependencies: [python]\n"),
    config,
    facts,
    location: { mount: ROOT, environment: ROOT, view: false },
    placement: { prefix: ROOT, root: ROOT, holder: ROOT, linkedBin: false, generation: 1, existing: false },
    runtime: { path: "/usr/bin/apptainer", family: "apptainer", version: "1.4.5" },
    trial: {
      flags: standardFlags(base.kind),
      buildFlags: [],
      skeleton: "directory",
      way: { way: "image" },
      compression: "zstd",
      bindsOverImage: true,
      mksquashfsActions: true,
    },
    base,
    engine: MICROMAMBA,
    mksquashfs: "/usr/bin/mksquashfs",
    workDirectory: WORK,
    ...over,
  };
}

/** One step of a plan. */
export const stepOf = (plan: Plan, id: string) => plan.steps.find((step) => step.id === id);

/** Every command of a plan, in order. */
export function commandsOf(plan: Plan): PlannedCommand[] {
  return plan.steps.flatMap((step) => step.commands);
}

export function planOf(over: Partial<PlanInputs> = {}): Plan {
  return makePlan(planInputs(over));
}

/** What a container start runs: the words after its base. */
export function inside(argv: readonly string[], base: string): string[] {
  return argv.slice(argv.lastIndexOf(base) + 1);
}

/** The values of an option that may be repeated. */
export function valuesOf(argv: readonly string[], option: string): string[] {
  return argv.flatMap((word, index) => (argv[index - 1] === option ? [word] : []));
}
