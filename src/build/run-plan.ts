import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import {
  copyFile,
  exists,
  lstat,
  makeDirectories,
  mkdir,
  readdir,
  removeEmptyDirectories,
  rm,
} from "../host/files.ts";
import { LOCK_NAME } from "../host/lock.ts";
import type { Overlay } from "../host/overlay.ts";
import type { Undo } from "../host/undo.ts";
import { removeTree } from "../host/work-directory.ts";
import { environmentTree, packsWorkTree, workTree } from "../plan/location.ts";
import { condaPlatform, containerFor } from "../plan/make-plan.ts";
import type { Plan, Step } from "../plan/plan.ts";
import { isEnvironment } from "../plan/request.ts";
import { workPaths } from "../plan/work-paths.ts";
import { withHashes } from "../prefix/environment-lock.ts";
import { OWN_COMMANDS } from "../prefix/launcher.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import type { Report, StepId } from "../report/events.ts";
import { counted } from "../report/table.ts";
import { captureActivation } from "./activation.ts";
import { checkGeneration } from "./check.ts";
import { findCommands, findLibraries, linkWrapped, unlinkWrapped } from "./commands.ts";
import { compile, keepCompiled } from "./compile.ts";
import { type BuildContext, runLogged } from "./context.ts";
import { placeHelpers, placeMissing, removeHelpers } from "./helper-files.ts";
import { hookSetting } from "./hook-setting.ts";
import { openHooks } from "./hooks.ts";
import { copyPlainFiles, takePlace } from "./in-place.ts";
import { knownHashes, searchHashes } from "./index-hashes.ts";
import { install } from "./install.ts";
import { makeLaunchers, writeLauncher } from "./launchers.ts";
import { orNoRoom } from "./no-room.ts";
import { pack } from "./pack.ts";
import { readInstalled, writeListPackages } from "./packages.ts";
import { generationNumbers, publish, removeGeneration, removeUnfinished } from "./publish.ts";
import { writeRecords } from "./record.ts";
import { relocateTree } from "./relocate.ts";
import { type BuildInputs, type BuildResult, type BuildState, made, type StepRunner } from "./state.ts";
import { removeMark, unpackImage } from "./unpack.ts";
import { proveSharing } from "./warm-proof.ts";

const runUnpack: StepRunner = async (state) => {
  const { context, plan, work } = state;
  const origin = made(state.inputs.request.origin, "an origin");
  if (state.overlay) {
    await removeMark(workTree(plan));
  } else {
    await unpackImage(context, {
      unsquashfs: made(plan.unsquashfs, "an unsquashfs"),
      image: origin.image,
      tree: work.tree,
      processors: plan.processors,
      onProgress: (fraction) => context.report({ event: "step-progress", step: "unpack", fraction }),
    });
  }
  await completeConverted(state);
  await unlinkWrapped(join(state.environmentTree, "bin"), origin.wrapperLinks);
  const from = origin.location.environment;
  const to = plan.location.environment;
  if (from === to) return undefined;
  const { files } = await relocateTree(context, state.environmentTree, { from, to });
  return `${files} files rewritten for ${to}`;
};

/** What another tool keeps outside its image comes into ours. */
async function completeConverted(state: BuildState): Promise<void> {
  const { inputs, environmentTree } = state;
  const origin = made(inputs.request.origin, "an origin");
  if (!(await exists(environmentTree))) {
    throw new KapseliError(
      ExitCode.badInput,
      `the installation is damaged: ${origin.image} holds no environment at ${origin.location.environment}`,
      { hint: "Restore it, or build the environment anew." },
    );
  }
  const configuration = join(environmentTree, "pyvenv.cfg");
  const outside = origin.converts?.venvConfiguration;
  if (outside !== undefined && !(await exists(configuration))) await copyFile(outside, configuration);
}

const runFiles: StepRunner = async (state, step) => {
  await placeHelpers(step.files);
  state.helpers = step.files;
  return undefined;
};

const runCopy: StepRunner = async (state) => {
  const { context, work, inputs } = state;
  // What the directory itself holds under their names is not theirs to be taken away.
  await removeHelpers(state.helpers);
  const { directory } = made(inputs.request.wrap, "a directory to wrap");
  const argv = ["cp", "-a", "--", `${directory}/.`, work.tree] as const;
  const copied = await runLogged(context, { argv, env: inputs.facts.environment });
  if (copied.exitCode === 0) {
    state.helpers = await placeMissing(state.helpers);
    return undefined;
  }
  throw new KapseliError(ExitCode.installFailed, `${directory} could not be copied`, {
    lines: copied.lines.slice(-8),
    hint: "It has to be readable as a whole, and the build directory needs room for it.",
  });
};

/** The hooks' shell is started by the first of them and stays open for the others. */
async function hooksOf(state: BuildState) {
  const { context, inputs, plan } = state;
  state.hooks ??= await openHooks(context, await hookSetting(context, inputs, plan));
  return state.hooks;
}

const runPre: StepRunner = async (state) => {
  await (await hooksOf(state)).pre();
  return undefined;
};

const runPost: StepRunner = async (state) => {
  await (await hooksOf(state)).post();
  return undefined;
};

/** The hooks' shell ends with the last of them; its own EXIT traps run then. */
async function endHooks(state: BuildState, next: readonly Step[]): Promise<void> {
  if (!state.hooks || next.some(({ id }) => id === "post-install")) return;
  await state.hooks.close();
  delete state.hooks;
}

const runRequirements: StepRunner = async (state, step) => {
  // The container would say only that it cannot find a program.
  if (!(await lstat(join(state.environmentTree, "bin", "python3")).catch(() => undefined))) {
    throw new KapseliError(
      ExitCode.installFailed,
      "the environment has no Python that requirements are for",
      {
        hint: "Name python and pip among the dependencies, or run conda install -y python pip in a post-install script.",
      },
    );
  }
  return runInstall(state, step);
};

const runInstall: StepRunner = async ({ context, plan }, step) => {
  await install(context, plan, step);
  return undefined;
};

const runCompile: StepRunner = async (state) => {
  // All three only read what is installed.
  const next = state.plan.steps.find(({ id }) => id === "activation");
  if (next) {
    state.activation = captureActivation(state.context, state.plan, next);
    state.activation.catch(() => undefined);
  }
  const { context, plan, container, inputs } = state;
  const search = searchHashes(context, plan, inputs.request, container);
  if (search) state.hashes = search;
  // What was wrapped where it was need not be compiled yet.
  const isCompiled = !state.inputs.request.origin?.inPlace;
  const upper = isCompiled ? state.overlay?.upper : undefined;
  const detail = await compile(context, plan, container, upper);
  state.keeping = keepCompiled(context, plan);
  return detail;
};

const runActivation: StepRunner = async (state, step) => {
  state.environment = await (state.activation ?? captureActivation(state.context, state.plan, step));
  return `${state.environment.length} variables`;
};

const runCommands: StepRunner = async (state) => {
  const { context, plan, work, container, inputs } = state;
  await removeHelpers(state.helpers);
  if (isEnvironment(plan.tool)) {
    const platform = condaPlatform(inputs.facts.architecture);
    const reports = [work.sectionReport, work.pipReport, work.unhashedReport];
    state.installed = await readInstalled(state.environmentTree, platform, reports);
    if (plan.tool === "conda") await writeListPackages(state.environmentTree, state.installed.packages);
  }
  state.commands = await findCommands(context, plan, container, inputs.given);
  const { add_ld } = inputs.config;
  if (add_ld.value ?? plan.tool !== "conda") {
    state.libraryDirectories = await findLibraries(context, plan, container, state.commands);
  }
  state.wrapperLinks = packsWorkTree(plan) ? await linkWrapped(plan, state.commands) : [];
  return counted(state.commands.names.length, "command");
};

const runPack: StepRunner = async (state, step) => {
  const { context, plan } = state;
  // They need what is packed, and not the image.
  state.staging = makeLaunchers(state);
  state.staging.catch(() => undefined);
  const before = state.overlay && state.inputs.request.origin?.image;
  const image = await pack(context, plan, step, made(state.commands, "commands"), before);
  state.image = image;
  return `${Math.round(image.size / 1e6)} MB, ${image.entries} files`;
};

/** What has a launcher in bin. */
function stubNames(state: BuildState): readonly string[] {
  return [...made(state.commands, "commands").names, ...OWN_COMMANDS];
}

async function clearTree({ overlay, work }: BuildState): Promise<void> {
  await overlay?.close();
  await removeTree(work.tree);
}

/** Adds hashes that the installers did not report. */
async function completeLock({ inputs, installed, hashes }: BuildState): Promise<void> {
  if (!installed) return;
  const known = withHashes(installed.lock, knownHashes(inputs.request));
  installed.lock = withHashes(known, (await hashes?.found) ?? new Map());
}

const runLaunchers: StepRunner = async (state) => {
  // The search looks into the tree, which is removed below.
  await completeLock(state);
  state.staged = await (state.staging ?? makeLaunchers(state));
  await writeLauncher(state);
  const { plan, work, inputs } = state;
  if (inputs.request.origin?.inPlace) {
    await copyPlainFiles(state.environmentTree, join(work.stage, "plain"), stubNames(state));
  }
  // Nothing needs the tree any more; removing its many files takes as long as the steps that follow.
  if (packsWorkTree(plan)) state.clearing = clearTree(state).catch(() => undefined);
  return undefined;
};

const runCheck: StepRunner = async (state) => {
  const { context, plan, staged, commands } = state;
  const { stageBin } = made(staged, "launchers");
  const [checked] = await Promise.allSettled([
    checkGeneration(context, plan, stageBin, made(commands, "commands")),
    proveSharing(state, stageBin),
  ]);
  if (checked.status === "rejected") throw checked.reason;
  return checked.value;
};

const runPublish: StepRunner = async (state) => {
  const { plan, inputs } = state;
  const { placement } = plan;
  const manifest = await writeRecords(state);
  const { create_wrappers, container_image, sqfs_image } = inputs.config;
  const commands = create_wrappers.value ? made(state.commands, "commands").names : undefined;
  const { inPlace, origin } = inputs.request;
  const older = await publish({
    placement: inPlace ? { ...placement, prefix: placement.holder, root: placement.holder } : placement,
    commands,
    stub: made(state.staged, "launchers").stub,
    names: { image: sqfs_image.value, container: container_image.value },
    image: state.image !== undefined,
    base: plan.base.kind === "image" ? (plan.base.shared ? plan.base.path : "current/base.sif") : undefined,
    ...(origin?.converts ? { converts: origin.converts.files } : {}),
    now: state.created,
    // In place, what is published is beside the directory yet.
    onPublished: () => (inPlace ? undefined : state.undo.clear()),
  });
  if (inPlace) {
    await takePlace(inPlace.directory, placement.holder, stubNames(state));
    state.undo.clear();
  }
  if (origin?.inPlace) await copyPlainFiles(join(state.work.stage, "plain"), placement.root, []);
  if (state.clearing) {
    const detail = `removing ${state.work.tree}`;
    state.context.report({ event: "step-progress", step: "publish", detail });
    await state.clearing;
  }
  await state.keeping;
  state.result = {
    prefix: placement.prefix,
    root: placement.root,
    bin: join(placement.prefix, "bin"),
    generation: placement.generation,
    commands: commands ?? [],
    imageSize: state.image?.size ?? 0,
    older,
    seconds: (Date.now() - state.created.getTime()) / 1000,
    manifest,
  };
  return undefined;
};

/** What each step of a plan does; preflight and base come before there is a plan. */
const RUNNERS: Readonly<Partial<Record<StepId, StepRunner>>> = {
  unpack: runUnpack,
  files: runFiles,
  copy: runCopy,
  "pre-install": runPre,
  install: runInstall,
  requirements: runRequirements,
  "post-install": runPost,
  compile: runCompile,
  activation: runActivation,
  commands: runCommands,
  pack: runPack,
  launchers: runLaunchers,
  check: runCheck,
  publish: runPublish,
};

async function reported(
  report: Report,
  seconds: Record<string, number>,
  step: Step,
  index: number,
  of: number,
  work: () => Promise<string | undefined>,
): Promise<void> {
  report({ event: "step-started", step: step.id, title: step.title, index, of });
  const started = performance.now();
  const detail = await work();
  const took = (performance.now() - started) / 1000;
  seconds[step.id] = Math.round(((seconds[step.id] ?? 0) + took) * 1000) / 1000;
  report({ event: "step-finished", step: step.id, seconds: took, ...(detail ? { detail } : {}) });
}

/** Takes away what a wrapping that was killed made beside the directory: it never was in use. */
async function clearHolder(holder: string): Promise<void> {
  for (const number of await generationNumbers(holder)) {
    await removeGeneration(generationPaths(holder, number).directory);
  }
  for (const name of await readdir(holder)) {
    if (name !== LOCK_NAME) await removeTree(join(holder, name));
  }
}

/** Begins the new generation; what must be taken back on failure goes to `undo`. */
async function begin(
  inputs: BuildInputs,
  context: BuildContext,
  plan: Plan,
  undo: Undo,
  overlay: Overlay | undefined,
): Promise<BuildState> {
  const { placement } = plan;
  const generation = generationPaths(placement.holder, placement.generation);
  const work = workPaths(plan.workDirectory);
  // The prefix is locked: nobody else works on one.
  await (inputs.request.inPlace
    ? clearHolder(placement.holder)
    : removeUnfinished({ root: placement.holder }));
  const directories = await makeDirectories(prefixPaths(placement.holder).generations);
  undo.add(() => removeEmptyDirectories(directories));
  if (inputs.request.inPlace) undo.add(() => rm(placement.holder, { recursive: true, force: true }));
  await mkdir(generation.directory);
  undo.add(() => removeGeneration(generation.directory));
  const state: BuildState = {
    inputs,
    context,
    plan,
    ...(overlay ? { overlay } : {}),
    undo,
    created: new Date(),
    seconds: {},
    generation,
    work,
    container: containerFor(plan, inputs.facts, inputs.config),
    environmentTree: environmentTree(plan),
    helpers: [],
    environment: [],
    wrapperLinks: [],
    libraryDirectories: [],
  };
  // What still runs beside the steps ends before anything is taken back.
  undo.add(async () => {
    await state.hooks?.close().catch(() => undefined);
    await state.clearing;
    await state.keeping;
    await state.activation?.catch(() => undefined);
    await state.staging?.catch(() => undefined);
    state.hashes?.stop();
    await state.hashes?.found;
  });
  return state;
}

/**
 * Runs the plan's steps and publishes. What must be taken back on failure is in `undo`.
 *
 * @param overlay the image that is changed, where the plan is over one
 *
 * @throws {KapseliError} with the exit code of what failed.
 */
export async function runPlan(
  inputs: BuildInputs,
  context: BuildContext,
  plan: Plan,
  undo: Undo,
  overlay?: Overlay,
): Promise<BuildResult> {
  const state = await begin(inputs, context, plan, undo, overlay);
  const of = plan.steps.length;
  for (const [index, step] of plan.steps.entries()) {
    context.signal.throwIfAborted();
    const runner = RUNNERS[step.id];
    if (!runner) throw new RangeError(`the plan has a step ${step.id} that this build does not know`);
    try {
      await reported(context.report, state.seconds, step, index + 1, of, () => runner(state, step));
      await endHooks(state, plan.steps.slice(index + 1));
    } catch (error) {
      throw await orNoRoom(error, step.id, [plan.workDirectory, plan.placement.root]);
    }
  }
  if (!state.result) throw new KapseliError(ExitCode.unexpected, "the plan has no publish step");
  return state.result;
}
