import { createHash, randomUUID } from "node:crypto";
import { basename, dirname, join } from "node:path";
import type { Config } from "../config/keys.ts";
import { KapseliError } from "../errors.ts";
import type { HostFacts } from "../host/facts.ts";
import {
  chmod,
  copyFile,
  makeDirectories,
  mkdir,
  removeEmptyDirectories,
  rm,
  writeFile,
} from "../host/files.ts";
import { type BuildLog, keepFailedLog, openLog } from "../host/log.ts";
import { keepWorkDirectory, makeWorkDirectory, removeTree } from "../host/work-directory.ts";
import type { BaseChoice } from "../plan/base-choice.ts";
import { condaPlatform, containerFor } from "../plan/make-plan.ts";
import type { Plan, Step } from "../plan/plan.ts";
import type { BuildRequest, Input } from "../plan/request.ts";
import { hiddenTopLevel } from "../plan/visibility.ts";
import { workPaths } from "../plan/work-paths.ts";
import type { EnvironmentChange } from "../prefix/activation.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import { MANIFEST_SCHEMA, type Manifest } from "../prefix/manifest.ts";
import { errorText } from "../report/error-text.ts";
import { type BuildEvent, type Report, reportToAll } from "../report/events.ts";
import { redactSecrets, redactTexts } from "../tools/redact.ts";
import { VERSION } from "../version.ts";
import { captureActivation } from "./activation.ts";
import { checkGeneration } from "./check.ts";
import { findCommands } from "./commands.ts";
import { compile } from "./compile.ts";
import type { BuildContext } from "./context.ts";
import { install } from "./install.ts";
import { makeLaunchers } from "./launchers.ts";
import { type PackedImage, pack } from "./pack.ts";
import { type Installed, readInstalled } from "./packages.ts";
import { placementOf, prepare, takePrefix, Undo } from "./preflight.ts";
import { type OlderGenerations, publish, removeUnfinished } from "./publish.ts";

export interface BuildInputs {
  request: BuildRequest;
  base: BaseChoice;
  config: Config;
  facts: HostFacts;
  report: Report;
  signal: AbortSignal;
}

/** What a build made. */
export interface BuildResult {
  prefix: string;
  root: string;
  /** The directory to put on PATH. */
  bin: string;
  generation: number;
  commands: readonly string[];
  /** Bytes of the image. */
  imageSize: number;
  older: OlderGenerations;
  seconds: number;
  manifest: Manifest;
}

/** Makes reports of one step; the plan's steps are counted after the preflight. */
function stepper(report: Report, seconds: Record<string, number>) {
  return async <T>(
    step: Pick<Step, "id" | "title">,
    index: number,
    of: number,
    work: () => Promise<T>,
    detail?: (value: T) => string,
  ): Promise<T> => {
    report({ event: "step-started", step: step.id, title: step.title, index, of });
    const started = performance.now();
    const value = await work();
    const took = (performance.now() - started) / 1000;
    seconds[step.id] = Math.round(took * 1000) / 1000;
    const said = detail?.(value);
    report({ event: "step-finished", step: step.id, seconds: took, ...(said ? { detail: said } : {}) });
    return value;
  };
}

function manifestOf(
  inputs: BuildInputs,
  plan: Plan,
  made: {
    id: string;
    created: Date;
    seconds: Record<string, number>;
    installed: Installed;
    image: PackedImage;
    commands: readonly string[];
    environment: readonly EnvironmentChange[];
  },
): Manifest {
  const { request } = inputs;
  const { trial, base, runtime, placement } = plan;
  return {
    schema: MANIFEST_SCHEMA,
    kapseli: VERSION,
    id: made.id,
    tool: plan.tool,
    generation: placement.generation,
    root: placement.root,
    linkedBin: placement.linkedBin,
    architecture: inputs.facts.architecture,
    created: made.created.toISOString(),
    seconds: made.seconds,
    inputs: [
      { name: basename(request.input.path), bytes: request.input.bytes },
      ...request.input.included,
    ].map(({ name, bytes }) => ({ name, sha256: createHash("sha256").update(bytes).digest("hex") })),
    config: Object.fromEntries(
      Object.entries(inputs.config)
        .filter(([, { value }]) => value !== undefined)
        .map(([key, { value, origin }]) => [key, { value: redactTexts(value), origin }]),
    ),
    engine: { name: plan.engine.engine, why: redactSecrets(plan.engine.why) },
    packages: made.installed.packages,
    base: {
      kind: base.kind,
      source: redactSecrets(base.source),
      shared: base.shared,
      ...(base.digest === undefined ? {} : { digest: base.digest }),
    },
    runtime: { ...runtime, flags: [...trial.flags], way: trial.way.way, skeleton: trial.skeleton },
    image: {
      compression: trial.compression,
      sha256: made.image.sha256,
      size: made.image.size,
      entries: made.image.entries,
    },
    commands: [...made.commands],
    environment: [...made.environment],
  };
}

function captureIfPlanned(context: BuildContext, plan: Plan): Promise<EnvironmentChange[]> | undefined {
  const step = plan.steps.find(({ id }) => id === "activation");
  return step && captureActivation(context, plan, step);
}

/** Runs the plan's steps and publishes. What must be taken back on failure is in `undo`. */
async function runPlan(
  inputs: BuildInputs,
  context: BuildContext,
  plan: Plan,
  undo: Undo,
): Promise<BuildResult> {
  const { placement } = plan;
  const started = performance.now();
  const created = new Date();
  const seconds: Record<string, number> = {};
  const inStep = stepper(context.report, seconds);
  const generation = generationPaths(placement.root, placement.generation);
  const work = workPaths(plan.workDirectory);
  const container = containerFor(plan, inputs.facts, inputs.config);
  const id = randomUUID();
  const made = await makeDirectories(prefixPaths(placement.root).generations);
  undo.add(() => removeEmptyDirectories(made));
  // The prefix is locked: nobody else works on one.
  await removeUnfinished(placement);
  await mkdir(generation.directory);
  undo.add(() => rm(generation.directory, { recursive: true, force: true }));

  let environment: EnvironmentChange[] = [];
  let commands: string[] = [];
  let image: PackedImage | undefined;
  let staged: { stub: string; stageBin: string } | undefined;
  let activation: Promise<EnvironmentChange[]> | undefined;
  let installed: Installed | undefined;
  let clearing: Promise<void> | undefined;
  // What still runs beside the steps ends before anything is taken back.
  undo.add(async () => {
    await clearing;
    await activation?.catch(() => undefined);
  });
  const of = plan.steps.length;
  for (const [index, step] of plan.steps.entries()) {
    context.signal.throwIfAborted();
    const at = <T>(run: () => Promise<T>, detail?: (value: T) => string): Promise<T> =>
      inStep(step, index + 1, of, run, detail);
    switch (step.id) {
      case "install":
        await at(() => install(context, plan, step));
        break;
      case "compile":
        // Both only read what is installed.
        activation = captureIfPlanned(context, plan);
        activation?.catch(() => undefined);
        await at(
          () => compile(context, plan, container),
          (said) => said,
        );
        break;
      case "activation":
        environment = await at(
          () => activation ?? captureActivation(context, plan, step),
          (changes) => `${changes.length} variables`,
        );
        break;
      case "commands":
        commands = await at(
          () => findCommands(work.tree, placement.root),
          (found) => `${found.length} commands`,
        );
        break;
      case "pack":
        installed = await readInstalled(work.tree, condaPlatform(inputs.facts.architecture), work.pipReport);
        image = await at(
          () => pack(context, plan, step, id),
          (packed) => `${Math.round(packed.size / 1e6)} MB, ${packed.entries} files`,
        );
        // Nothing needs the tree any more; removing its many files takes as long as the steps that follow.
        clearing = removeTree(work.tree).catch(() => undefined);
        break;
      case "launchers": {
        const hidden = hiddenTopLevel(plan.base, inputs.config.excluded_mount_points.value);
        const launcher = { id, commands, environment, hiddenTopLevel: hidden };
        staged = await at(() => makeLaunchers(plan, launcher, inputs.config.cache_directory.value));
        break;
      }
      case "check": {
        const stageBin = staged?.stageBin;
        if (stageBin === undefined) throw new RangeError("the plan makes launchers before it checks them");
        await at(
          () => checkGeneration(context, plan, stageBin, commands),
          (seen) => seen,
        );
        break;
      }
      case "publish": {
        if (!staged || !image || !installed) {
          throw new RangeError("the plan packs and makes launchers before it publishes");
        }
        const { stub } = staged;
        const packed = image;
        await keepInputs(generation.inputs, inputs.request.input);
        await writeFile(generation.lock, installed.lock);
        const manifest = manifestOf(inputs, plan, {
          id,
          created,
          seconds,
          installed,
          image: packed,
          commands,
          environment,
        });
        await writeFile(generation.manifest, `${JSON.stringify(manifest, null, 2)}\n`);
        await copyFile(context.log.path, generation.log);
        await chmod(generation.log, 0o666 & ~process.umask());
        const older = await at(() =>
          publish({
            placement,
            commands,
            stub,
            ownBase: plan.base.kind === "image" && !plan.base.shared,
            now: created,
            onPublished: () => undo.clear(),
          }),
        );
        await clearing;
        return {
          prefix: placement.prefix,
          root: placement.root,
          bin: join(placement.prefix, "bin"),
          generation: placement.generation,
          commands,
          imageSize: packed.size,
          older,
          seconds: (performance.now() - started) / 1000,
          manifest,
        };
      }
      default:
        throw new RangeError(`the plan has a step ${step.id} that this build does not know`);
    }
  }
  throw new RangeError("the plan has no publish step");
}

/** Copies the input and what it includes, as given, into the generation. */
async function keepInputs(directory: string, input: Input): Promise<void> {
  for (const file of [{ name: basename(input.path), bytes: input.bytes }, ...input.included]) {
    const path = join(directory, file.name);
    await mkdir(dirname(path), { recursive: true });
    // As given, also where it holds a password: then for its owner's eyes only.
    const text = Buffer.from(file.bytes).toString("latin1");
    await writeFile(path, file.bytes, { mode: redactSecrets(text) === text ? 0o666 : 0o600 });
  }
}

async function logFailure(log: BuildLog, error: unknown, facts: HostFacts): Promise<unknown> {
  const unexpected = error instanceof Error && !(error instanceof KapseliError);
  const text = unexpected ? (error.stack ?? error.message) : errorText(error, false);
  log.write({ event: "debug", message: redactSecrets(text) });
  await log.close();
  const kept = await keepFailedLog(log.path, facts.environment, facts.home, new Date());
  return error instanceof KapseliError && kept !== undefined ? error.with({ log: kept }) : error;
}

/**
 * Builds an environment and publishes it in its prefix. On any failure the prefix is as it was, the work directory
 * is gone (unless CW_DEBUG_KEEP_FILES is set), and the log is kept where the error says.
 *
 * @throws {KapseliError} with the exit code of what failed.
 */
export async function build(inputs: BuildInputs): Promise<BuildResult> {
  const { request, config, facts, signal } = inputs;
  const undo = new Undo();
  const release = new Undo();
  let log: BuildLog | undefined;
  let workPath: string | undefined;
  const keep = facts.environment.CW_DEBUG_KEEP_FILES !== undefined;
  const report = reportToAll([inputs.report, (event: BuildEvent) => log?.write(event)]);
  try {
    report({ event: "milestone", message: "Constructing configuration" });
    const placement = await placementOf(request);
    await takePrefix(placement, release);
    const given = config.build_tmpdir_base.value === "" ? undefined : config.build_tmpdir_base.value;
    const work = await makeWorkDirectory(given, facts.environment, facts.user.uid);
    workPath = work.path;
    log = openLog(join(work.path, "build.log"));
    report({ event: "milestone", message: `Using ${work.path} as temporary directory` });
    if (placement.linkedBin) {
      report({
        event: "milestone",
        message: `${placement.prefix} holds other files, so the environment goes to ${placement.root} and bin is linked there`,
      });
    }
    if (placement.existing) {
      const message = `${placement.root} is an environment already: this makes its generation ${placement.generation}`;
      report({ event: "milestone", message });
    }

    const context: BuildContext = { config, facts, log, report, signal };
    const started = performance.now();
    report({ event: "step-started", step: "preflight", title: "Looking at this host", index: 0, of: 0 });
    const { plan } = await prepare(context, request, placement, inputs.base, work.path);
    const { runtime, trial, engine, base } = plan;
    report({
      event: "step-finished",
      step: "preflight",
      seconds: (performance.now() - started) / 1000,
      detail: `${runtime.family} ${runtime.version}, ${base.kind === "host" ? "host base" : base.source}, ${trial.compression}, ${engine.engine}: ${engine.why}`,
    });

    const result = await runPlan(inputs, context, plan, undo);
    await log.close();
    await work.remove();
    await release.run();
    return { ...result, seconds: (performance.now() - started) / 1000 };
  } catch (error) {
    const failure = log ? await logFailure(log, error, facts) : error;
    await undo.run().catch(() => undefined);
    if (workPath !== undefined && keep) {
      await keepWorkDirectory(workPath).catch(() => undefined);
      inputs.report({
        event: "warning",
        message: `CW_DEBUG_KEEP_FILES is set: the build directory ${workPath} is kept`,
      });
    } else if (workPath !== undefined) {
      await removeTree(workPath).catch(() => undefined);
    }
    await release.run().catch(() => undefined);
    throw failure;
  }
}
