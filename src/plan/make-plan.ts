import { dirname } from "node:path";
import type { Config } from "../config/keys.ts";
import type { HostFacts } from "../host/facts.ts";
import { generationPaths } from "../prefix/layout.ts";
import type { Placement } from "../prefix/placement.ts";
import captureScript from "../templates/capture-activation.sh";
import uvScript from "../templates/uv-install.sh";
import withBash from "../templates/with-bash.sh";
import { channelSettings } from "../tools/conda-channel.ts";
import { CONDA_VARIABLES_REMOVED } from "../tools/conda-cli.ts";
import { packArgv } from "../tools/mksquashfs.ts";
import * as pip from "../tools/pip.ts";
import type { Runtime } from "../tools/singularity.ts";
import * as uv from "../tools/uv.ts";
import { condaInstall } from "./conda-steps.ts";
import { type ContainerSetting, containerCommand } from "./containers.ts";
import type {
  Plan,
  PlannedCommand,
  PlannedFile,
  ReadyEngine,
  ResolvedBase,
  Step,
  TrialResult,
} from "./plan.ts";
import type { BuildRequest } from "./request.ts";
import { workPaths } from "./work-paths.ts";

export interface PlanInputs {
  request: BuildRequest;
  config: Config;
  facts: HostFacts;
  placement: Placement;
  runtime: Runtime;
  trial: TrialResult;
  base: ResolvedBase;
  engine: ReadyEngine;
  mksquashfs: string;
  workDirectory: string;
}

/** Variables that would lead an installer or the environment's own Python astray. */
const REMOVED = [
  "PYTHONHOME",
  "PYTHONSTARTUP",
  "PYTHONUSERBASE",
  "VIRTUAL_ENV",
  "BASH_ENV",
  "ENV",
  "SINGULARITY_BIND",
  "SINGULARITY_BINDPATH",
  "APPTAINER_BIND",
  "APPTAINER_BINDPATH",
  "SINGULARITYENV_PATH",
  "APPTAINERENV_PATH",
];

/** The environment that all commands of a build run in. */
export function planEnvironment(
  facts: Pick<HostFacts, "environment">,
  root: string,
  temporary: string,
): Plan["environment"] {
  const { environment } = facts;
  const path = `${root}/bin:${environment.PATH ?? "/usr/bin:/bin"}`;
  const libraries = environment.LD_LIBRARY_PATH;
  return {
    remove: [
      ...REMOVED,
      ...CONDA_VARIABLES_REMOVED,
      ...pip.PIP_VARIABLES_REMOVED,
      ...uv.UV_VARIABLES_REMOVED,
    ],
    set: {
      SINGULARITYENV_PATH: path,
      APPTAINERENV_PATH: path,
      ...(libraries
        ? { SINGULARITYENV_LD_LIBRARY_PATH: libraries, APPTAINERENV_LD_LIBRARY_PATH: libraries }
        : {}),
      TMPDIR: temporary,
      PYTHONNOUSERSITE: "1",
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONUNBUFFERED: "1",
    },
  };
}

/** The caller's environment with a plan's changes. */
export function applyEnvironment(
  environment: Readonly<Record<string, string>>,
  change: Plan["environment"],
): Record<string, string> {
  const kept = Object.entries(environment).filter(([name]) => !change.remove.includes(name));
  return { ...Object.fromEntries(kept), ...change.set };
}

/** Channels for a file that names none: conda's own variable for it, else conda-forge, as micromamba takes. */
export function defaultChannels(environment: Readonly<Record<string, string>>): string[] {
  return (environment.CONDA_CHANNELS ?? "conda-forge").split(",").filter((name) => name !== "");
}

/** The solver runs over the host and is to see the base's C library; what the caller overrides holds. */
function solverVariables(
  base: ResolvedBase,
  environment: Readonly<Record<string, string>>,
): Record<string, string> {
  if (base.glibc === undefined || environment.CONDA_OVERRIDE_GLIBC !== undefined) return {};
  return { CONDA_OVERRIDE_GLIBC: base.glibc };
}

/** conda's name of a platform. */
export function condaPlatform(architecture: string): string {
  return architecture === "aarch64"
    ? "linux-aarch64"
    : architecture === "ppc64le"
      ? "linux-ppc64le"
      : "linux-64";
}

function pipInstall(
  inputs: PlanInputs,
  inBase: ReturnType<typeof containerCommand>,
): { files: PlannedFile[]; commands: PlannedCommand[] } {
  const { engine, placement, request } = inputs;
  const paths = workPaths(inputs.workDirectory);
  const { input } = request;
  // What lies below the prefix is covered by the work tree, and a pipe cannot be read again.
  const inPlace = input.regular && !input.path.startsWith(`${placement.root}/`);
  const file: PlannedFile[] = inPlace ? [] : [{ path: paths.requirements, content: input.bytes }];
  const requirements = inPlace ? input.path : paths.requirements;
  const directory = dirname(input.path);
  if (engine.engine === "uv") {
    const install = uv.installArgv(paths.uvScript, engine.path, engine.python, placement.root, requirements);
    return {
      files: [...file, { path: paths.uvScript, content: uvScript }],
      commands: [
        {
          purpose: "make the venv and install the requirements",
          output: "uv",
          argv: inBase(install, directory),
          environment: uv.UV_VARIABLES,
        },
      ],
    };
  }
  if (engine.engine !== "pip") throw new RangeError(`${engine.engine} is no engine for requirements files`);
  return {
    files: file,
    commands: [
      { purpose: "make the venv", output: "pip", argv: inBase(pip.venvArgv(engine.python, placement.root)) },
      {
        purpose: "install the requirements",
        output: "pip",
        argv: inBase(pip.installArgv(placement.root, requirements, paths.pipReport), directory),
      },
    ],
  };
}

function activationStep(inputs: PlanInputs, inBase: ReturnType<typeof containerCommand>): Step {
  const paths = workPaths(inputs.workDirectory);
  const capture = (run: "plain" | "probed"): PlannedCommand => ({
    purpose: run === "plain" ? "activate once" : "activate again over known values",
    output: "kapseli",
    argv: inBase([
      "/bin/sh",
      "-c",
      withBash,
      "capture",
      paths.activationScript,
      inputs.placement.root,
      paths.activation(run, "before"),
      paths.activation(run, "after"),
    ]),
  });
  return {
    id: "activation",
    title: "Capturing activation",
    files: [{ path: paths.activationScript, content: captureScript }],
    commands: [capture("plain"), capture("probed")],
  };
}

const step = (
  id: Step["id"],
  title: string,
  commands: readonly PlannedCommand[] = [],
  files: readonly PlannedFile[] = [],
): Step => ({
  id,
  title,
  files,
  commands,
});

/**
 * Decides a whole build. Pure: the same inputs give the same plan.
 *
 * @throws {RangeError} when the engine does not fit the tool (a programming error).
 */
export function makePlan(inputs: PlanInputs): Plan {
  const { request, config, facts, placement, engine, base, trial, workDirectory } = inputs;
  const paths = workPaths(workDirectory);
  const cache = config.cache_directory.value;
  const processors = Math.max(
    1,
    Math.min(facts.processors, config.max_num_cpus.value, config.num_cpus.value ?? Number.POSITIVE_INFINITY),
  );
  const setting: ContainerSetting = {
    runtime: inputs.runtime,
    trial,
    base,
    placement,
    workDirectory,
    facts,
    excluded: config.excluded_mount_points.value,
    needed: [
      ...(request.input.regular ? [dirname(request.input.path)] : []),
      ...("path" in engine ? [engine.path] : []),
      ...facts.installerFiles,
      cache,
    ],
  };
  const inBase = containerCommand(setting, "base");
  const overHost = containerCommand(setting, "host");

  const steps: Step[] = [];
  if (request.tool === "pip") {
    const { files, commands } = pipInstall(inputs, inBase);
    steps.push(step("install", `Installing packages with ${engine.engine}`, commands, files));
  } else {
    if (engine.engine === "pip" || engine.engine === "uv")
      throw new RangeError("pip is no engine for conda files");
    const { files, commands } = condaInstall({
      request,
      engine,
      root: placement.root,
      paths,
      cache,
      platform: condaPlatform(facts.architecture),
      defaultChannels: defaultChannels(facts.environment),
      solverVariables: solverVariables(base, facts.environment),
      channelSettings: channelSettings(facts.environment, {}, dirname(request.input.path)),
      inBase,
      overHost,
    });
    steps.push(step("install", `Installing packages with ${engine.engine}`, commands, files));
  }
  steps.push(step("compile", "Compiling Python files"));
  if (request.tool === "conda") {
    steps.push(activationStep(inputs, inBase));
  }
  const pack = packArgv({
    mksquashfs: inputs.mksquashfs,
    source: paths.tree,
    image: generationPaths(placement.root, placement.generation).image,
    compression: trial.compression,
    processors,
    actions: trial.mksquashfsActions,
  });
  steps.push(
    step("commands", "Finding commands"),
    step("pack", "Creating sqfs image", [{ purpose: "pack", output: "mksquashfs", argv: pack }]),
    step("launchers", "Creating wrappers"),
    step("check", "Trying the launchers"),
    step("publish", `Installing to ${placement.root}`),
  );
  return {
    tool: request.tool,
    placement,
    workDirectory,
    runtime: inputs.runtime,
    trial,
    base,
    engine,
    processors,
    variables:
      request.input.content.format === "environment-yml" ? request.input.content.value.variables : {},
    environment: planEnvironment(facts, placement.root, paths.temporary),
    steps,
  };
}

/** The words that run a command of the plan's container; for what is only known while the build runs. */
export function containerFor(
  plan: Plan,
  facts: HostFacts,
  config: Config,
): ReturnType<typeof containerCommand> {
  return containerCommand(
    {
      runtime: plan.runtime,
      trial: plan.trial,
      base: plan.base,
      placement: plan.placement,
      workDirectory: plan.workDirectory,
      facts,
      excluded: config.excluded_mount_points.value,
      needed: [],
    },
    "base",
  );
}
