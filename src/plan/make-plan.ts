import { basename, dirname } from "node:path";
import type { Config } from "../config/keys.ts";
import type { HostFacts } from "../host/facts.ts";
import { generationPaths } from "../prefix/layout.ts";
import type { Placement } from "../prefix/placement.ts";
import captureScript from "../templates/capture-activation.sh";
import withBash from "../templates/with-bash.sh";
import { channelSettings } from "../tools/conda-channel.ts";
import { CONDA_VARIABLES_REMOVED } from "../tools/conda-cli.ts";
import { packArgv } from "../tools/mksquashfs.ts";
import type { OverlayAccess } from "../tools/overlay.ts";
import * as pip from "../tools/pip.ts";
import type { Runtime } from "../tools/singularity.ts";
import * as uv from "../tools/uv.ts";
import { condaInstall } from "./conda-steps.ts";
import { type Container, type ContainerSetting, containerCommand } from "./containers.ts";
import { environmentTree, type Location, workTree } from "./location.ts";
import { newVenv, requirementsInstall } from "./pip-steps.ts";
import {
  isCondaEngine,
  type Plan,
  type PlannedCommand,
  type PlannedFile,
  type ReadyEngine,
  type ResolvedBase,
  type Step,
  type TrialResult,
} from "./plan.ts";
import { type BuildRequest, type EnvironmentOptions, type Input, isEnvironment } from "./request.ts";
import { workPaths } from "./work-paths.ts";

export interface PlanInputs {
  /** Unique to this build. */
  id: string;
  request: BuildRequest;
  config: Config;
  facts: HostFacts;
  placement: Placement;
  location: Location;
  runtime: Runtime;
  trial: TrialResult;
  base: ResolvedBase;
  engine: ReadyEngine;
  /** uv, where it installs what pip would. */
  uv?: string;
  /** The user's own package caches, where those are to be used; the first is written to. */
  packageCaches?: readonly string[];
  mksquashfs: string;
  unsquashfs?: string;
  /** The image that is to be changed, as a tree. */
  overlay?: OverlayAccess;
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

/**
 * The environment that all commands of a build run in.
 *
 * @param isolated the base's own PATH and LD_LIBRARY_PATH, for an environment that is not to see the host's
 */
export function planEnvironment(
  facts: Pick<HostFacts, "environment">,
  root: string,
  temporary: string,
  options: Pick<EnvironmentOptions, "nocache"> = { nocache: false },
  isolated?: Pick<ResolvedBase, "searchPath" | "libraryPath">,
): Plan["environment"] {
  const { environment } = facts;
  const path = `${root}/bin:${(isolated ? isolated.searchPath : environment.PATH) ?? "/usr/bin:/bin"}`;
  const libraries = isolated ? isolated.libraryPath : environment.LD_LIBRARY_PATH;
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
      ...(options.nocache ? { PIP_NO_CACHE_DIR: "1", UV_NO_CACHE: "1" } : {}),
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
export function solverVariables(
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

function activationStep(inputs: PlanInputs, inBase: Container): Step {
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
      inputs.location.environment,
      paths.activation(run, "before"),
      paths.activation(run, "after"),
      paths.activationVariables,
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

function installStep(inputs: PlanInputs, input: Input, inBase: Container, overHost: Container): Step {
  const { request, engine, facts, location, config } = inputs;
  const paths = workPaths(inputs.workDirectory);
  const title = `Installing packages with ${engine.engine}`;
  if (request.tool === "pip") {
    return { id: "install", title, ...newVenv(inputs, input, inBase) };
  }
  if (!isCondaEngine(engine)) throw new RangeError(`${engine.engine} is no engine for conda files`);
  const { files, commands } = condaInstall({
    request: { ...request, input },
    engine,
    root: location.environment,
    tree: environmentTree(inputs),
    paths,
    cache: config.cache_directory.value,
    packageCaches: inputs.packageCaches ?? [],
    platform: condaPlatform(facts.architecture),
    defaultChannels: defaultChannels(facts.environment),
    solverVariables: solverVariables(inputs.base, facts.environment),
    channelSettings: channelSettings(facts.environment, {}, dirname(input.path)),
    ...(inputs.uv === undefined ? {} : { uv: inputs.uv }),
    inBase,
    overHost,
  });
  return step("install", title, commands, files);
}

/** Files that are to be there by their base names while something is installed or a script runs. */
function helperSteps(inputs: PlanInputs): Step[] {
  const { files = [], input, requirements, hooks } = inputs.request;
  const isUsed = input ?? requirements ?? [...hooks.pre, ...hooks.post].at(0);
  if (files.length === 0 || isUsed === undefined) return [];
  const tree = workTree(inputs);
  const placed = files.map(({ name, bytes }) => ({ path: `${tree}/${name}`, content: bytes }));
  return [step("files", "Copying installation files", [], placed)];
}

/** The steps that fill the work tree. */
function fillingSteps(inputs: PlanInputs, inBase: Container, overHost: Container): Step[] {
  const { request, placement } = inputs;
  const { tool, input, requirements, origin, hooks, wrap } = request;
  const steps: Step[] = [];
  const how = inputs.overlay ? "Opening" : "Copying";
  if (origin) steps.push(step("unpack", `${how} the environment in ${placement.root}`));
  steps.push(...helperSteps(inputs));
  if (hooks.pre.length > 0) steps.push(step("pre-install", "Running user supplied commands (pre-install)"));
  if (wrap && hooks.pre.length + hooks.post.length > 0) {
    steps.push(step("copy", `Copying ${wrap.directory}`));
  }
  if (input && !origin) steps.push(installStep(inputs, input, inBase, overHost));
  for (const file of [origin ? input : undefined, requirements]) {
    if (file) {
      const { files, commands } = requirementsInstall(inputs, file, inBase);
      steps.push(
        step("requirements", `Installing requirements file ${basename(file.path)}`, commands, files),
      );
    }
  }
  if (hooks.post.length > 0)
    steps.push(step("post-install", "Running user supplied commands (post-install)"));
  const moved = origin !== undefined && origin.location.environment !== inputs.location.environment;
  const changed = request.inPlace?.compile || moved || steps.some(({ id }) => id !== "unpack");
  if (isEnvironment(tool) && changed) steps.push(step("compile", "Compiling Python files"));
  if (tool === "conda") steps.push(activationStep(inputs, inBase));
  return steps;
}

/** A directory is packed where it is unless scripts are to change it: they get a copy. */
function treeOf(request: BuildRequest, tree: string): string | undefined {
  const { tool, wrap, hooks, inPlace } = request;
  if (tool === "container") return undefined;
  if (inPlace) return inPlace.directory;
  return wrap && hooks.pre.length + hooks.post.length === 0 ? wrap.directory : tree;
}

/** Whether modes in the image stay as they were installed (CW_NO_FIX_PERM, tykky-surface.md §3). */
export function keepsModes({ environment }: Pick<HostFacts, "environment">): boolean {
  return environment.CW_NO_FIX_PERM !== undefined;
}

/** Whether modes are opened in the tree before it is packed: mksquashfs itself cannot. */
export function opensModes(
  { mksquashfsActions }: Pick<TrialResult, "mksquashfsActions">,
  facts: Pick<HostFacts, "environment">,
): boolean {
  return !mksquashfsActions && !keepsModes(facts);
}

/** What mksquashfs packs: the work tree, or a directory as it is; where that becomes a view, with its links added. */
function packStep(inputs: PlanInputs, tree: string, processors: number): Step {
  const { config, placement, trial, location, workDirectory } = inputs;
  const paths = workPaths(workDirectory);
  const options = {
    mksquashfs: inputs.mksquashfs,
    image: generationPaths(placement.holder, placement.generation).image,
    compression: trial.compression,
    level: inputs.request.options.compress ?? "default",
    processors,
    owner: inputs.facts.user,
    actions: trial.mksquashfsActions && !keepsModes(inputs.facts),
    further: config.sqfs_options.value,
    // The mark of a view is among its links.
    ...(location.view ? {} : { mark: inputs.id }),
  };
  const pack = (source: string, purpose: string, image = options.image): PlannedCommand => ({
    purpose,
    output: "mksquashfs",
    argv: packArgv({ ...options, source, image, append: source === paths.additions }),
  });
  const links =
    location.view && tree !== workTree(inputs) ? [pack(paths.additions, "add our own files")] : [];
  const whole = step("pack", "Creating sqfs image", [pack(tree, "pack"), ...links]);
  if (!inputs.overlay || opensModes(trial, inputs.facts)) return whole;
  return { ...whole, changes: pack(paths.upper, "pack what changed", paths.changes) };
}

/**
 * Decides a whole build. Pure: the same inputs give the same plan.
 *
 * @throws {RangeError} when the engine does not fit the tool (a programming error).
 */
export function makePlan(inputs: PlanInputs): Plan {
  const { request, config, facts, placement, location, engine, base, workDirectory } = inputs;
  const paths = workPaths(workDirectory);
  const limit = Math.min(config.max_num_cpus.value, config.num_cpus.value ?? Number.POSITIVE_INFINITY);
  const processors = Math.max(1, Math.min(facts.processors, limit));
  const tree = treeOf(request, workTree(inputs));
  const named = [request.input, request.requirements].flatMap((input) => input ?? []);
  const overlay = inputs.overlay ? { overlay: inputs.overlay } : {};
  const setting: ContainerSetting = {
    runtime: inputs.runtime,
    trial: inputs.trial,
    base,
    location,
    ...(tree === undefined ? {} : { tree }),
    ...overlay,
    workDirectory,
    facts,
    excluded: config.excluded_mount_points.value,
    needed: [
      ...named.flatMap((input) => (input.regular ? [dirname(input.path)] : [])),
      ...("path" in engine ? [engine.path] : []),
      ...(inputs.uv === undefined ? [] : [inputs.uv]),
      ...facts.installerFiles,
      config.cache_directory.value,
      ...(inputs.packageCaches ?? []),
    ],
  };
  const inBase = containerCommand(setting, "base");
  const overHost = containerCommand(setting, "host");

  const steps = fillingSteps(inputs, inBase, overHost);
  steps.push(step("commands", "Finding commands"));
  if (tree !== undefined) steps.push(packStep(inputs, tree, processors));
  steps.push(
    step("launchers", "Creating wrappers"),
    step("check", "Trying the launchers"),
    step("publish", `Installing to ${placement.root}`),
  );
  const content = request.input?.content;
  return {
    tool: request.tool,
    id: inputs.id,
    placement,
    location,
    options: request.options,
    ...(tree === undefined ? {} : { tree }),
    workDirectory,
    runtime: inputs.runtime,
    trial: inputs.trial,
    base,
    engine,
    ...(inputs.uv === undefined ? {} : { uv: inputs.uv }),
    ...(inputs.unsquashfs === undefined ? {} : { unsquashfs: inputs.unsquashfs }),
    ...overlay,
    processors,
    packageCaches: inputs.packageCaches ?? [],
    needed: setting.needed,
    variables: content?.format === "environment-yml" ? content.value.variables : {},
    environment: planEnvironment(
      facts,
      location.environment,
      paths.temporary,
      request.options,
      request.options.isolated ? base : undefined,
    ),
    steps,
  };
}

/** The words that run a command of the plan's container; for what is only known while the build runs. */
export function containerFor(
  plan: Plan,
  facts: HostFacts,
  config: Config,
  over: "base" | "host" = "base",
): Container {
  const excluded = config.excluded_mount_points.value;
  return containerCommand({ ...plan, facts, excluded }, over);
}
