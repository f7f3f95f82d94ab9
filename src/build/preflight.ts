import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { prepareCache } from "../host/cache-directory.ts";
import { clockAhead, fileSystemOf } from "../host/file-systems.ts";
import { exists, makeDirectories, statfs } from "../host/files.ts";
import { hostLimits } from "../host/host-limits.ts";
import { findHostProgram } from "../host/host-programs.ts";
import type { Overlay } from "../host/overlay.ts";
import { findMksquashfs, findRuntime, findRuntimeHelper, findUnsquashfs } from "../host/runtime.ts";
import { makeTreeDirectory } from "../host/tree-directory.ts";
import type { Undo } from "../host/undo.ts";
import type { BaseChoice } from "../plan/base-choice.ts";
import { clockAdvice, hangingAdvice, limitAdvice, prefixAdvice, workAdvice } from "../plan/host-advice.ts";
import { packsWorkTree } from "../plan/location.ts";
import { applyEnvironment, makePlan, type PlanInputs, planEnvironment } from "../plan/make-plan.ts";
import type { Plan, ReadyEngine } from "../plan/plan.ts";
import type { BuildRequest } from "../plan/request.ts";
import { boundTopLevel, hiddenTopLevel, skeletonLinks } from "../plan/visibility.ts";
import { workPaths } from "../plan/work-paths.ts";
import type { Placement } from "../prefix/placement.ts";
import { redactSecrets } from "../tools/redact.ts";
import type { MountWay, Runtime } from "../tools/singularity.ts";
import { makeSkeleton, resolveBase } from "./base.ts";
import type { BuildContext } from "./context.ts";
import { findUv, readyEngine } from "./engine.ts";
import { knownTrial } from "./known-trial.ts";
import { checkOrigin, openImage } from "./open-image.ts";
import { userPackageCaches } from "./package-caches.ts";
import { locationOf } from "./take-place.ts";

/** Below these nothing useful can be built. */
export const WORK_BYTES = 512 * 1024 ** 2;
export const PREFIX_BYTES = 64 * 1024 ** 2;
export const WORK_INODES = 5_000;

/** A container cannot start another one; both marks are those that launchers look for. */
export async function refuseInsideContainer(): Promise<void> {
  for (const mark of ["/.singularity.d", "/.kapseli-base"]) {
    if (!(await exists(mark))) continue;
    throw new KapseliError(
      ExitCode.hostCannot,
      "this is the inside of a container, where no environment can be built",
      {
        hint: "Run it outside: leave the container (or the shell of another environment) first.",
      },
    );
  }
}

/** Says at once when a file system has too little room. */
async function checkRoom(path: string, bytes: number, what: string, remedy: string): Promise<void> {
  const { bavail, bsize, ffree, files } = await statfs(path);
  const free = bavail * bsize;
  if (free < bytes) {
    const [has, needs] = [free, bytes].map((value) => `${Math.round(value / 1024 ** 2)} MiB`);
    throw new KapseliError(
      ExitCode.hostCannot,
      `${what} ${path} has only ${has} free; at least ${needs} is needed`,
      {
        hint: remedy,
      },
    );
  }
  if (files > 0 && ffree < WORK_INODES && bytes === WORK_BYTES) {
    throw new KapseliError(ExitCode.hostCannot, `${what} ${path} has only ${ffree} inodes free`, {
      hint: remedy,
    });
  }
}

/** Says what about this host may hinder a build, and refuses where it cannot work. */
async function adviseOfHost(
  { config, facts, report }: BuildContext,
  placement: Placement,
  work: string,
): Promise<void> {
  const limits = hostLimits();
  const [workSystem, prefixSystem, ahead] = await Promise.all([
    fileSystemOf(work),
    fileSystemOf(placement.holder),
    clockAhead(placement.holder),
  ]);
  const advice = [
    ...hangingAdvice(facts.hanging, config.excluded_mount_points.value),
    ...limitAdvice(limits),
    ...workAdvice(work, workSystem, limits),
    ...prefixAdvice(placement.root, prefixSystem),
    ...clockAdvice(ahead, `the file system of ${placement.root}`),
  ];
  for (const { severity, message, hint } of advice) {
    if (severity === "refuse") throw new KapseliError(ExitCode.hostCannot, message, { hint });
    report({ event: "warning", message, hint });
  }
}

/** What happens to the base, in the words that scripts look for (tykky-surface.md §1.7); nothing does to the host. */
function baseMilestone(choice: BaseChoice): string | undefined {
  switch (choice.kind) {
    case "host":
      return undefined;
    case "pull":
      return `Fetching container ${redactSecrets(choice.uri)}`;
    case "recipe":
      return `Building container ${choice.name} (once, about a minute)`;
    case "directory":
      return `Using container ${choice.path}`;
    case "image":
      return `${choice.shared ? "Using" : "Copying"} container ${choice.path}`;
    case "kept":
      return `Using container ${choice.path}`;
  }
}

/** The ways to mount an image that this runtime may have, the preferred one first. */
export function mountWays(
  runtime: Runtime,
  sessionDirectory: string,
  squashfuse: string | undefined,
): MountWay[] {
  const isOldCe = runtime.family === "singularity-ce" && Number(runtime.version.split(".")[0]) < 4;
  return [
    { way: "image" },
    ...(isOldCe ? [{ way: "session", sessionDirectory } as const] : []),
    ...(squashfuse ? [{ way: "fusemount", squashfuse } as const] : []),
  ];
}

/** Ways to mount an image with what this host has, the preferred one first. */
export function mountWaysHere(runtime: Runtime, environment: Readonly<Record<string, string>>): MountWay[] {
  const setsid = findHostProgram(["setsid"], environment.PATH);
  const squashfuse =
    setsid === undefined ? undefined : findRuntimeHelper("squashfuse_ll", runtime, environment);
  return mountWays(runtime, "/var/lib/singularity/mnt/session", squashfuse);
}

/** uv, where it is to install what pip would: on a conda environment, and on an update of either. */
async function uvFor(
  context: BuildContext,
  request: BuildRequest,
  engine: ReadyEngine,
): Promise<string | undefined> {
  if (!request.options.uv || request.inPlace) return undefined;
  return engine.engine === "uv" ? engine.path : findUv(context);
}

/**
 * Everything that is found out before the plan can be made: runtime, tools, room, base, trial, engine, and whether an
 * image that is there can be changed without unpacking it.
 *
 * @param undo of the build
 * @returns also what that mounts, which the caller closes.
 *
 * @throws {KapseliError} `hostCannot` with what to do when the build could not work; `badInput` for an update of a
 * damaged image.
 */
export async function prepare(
  context: BuildContext,
  request: BuildRequest,
  placement: Placement,
  baseChoice: BaseChoice,
  work: string,
  undo: Undo,
): Promise<{ plan: Plan; overlay?: Overlay }> {
  const { config, facts, signal } = context;
  const paths = workPaths(work);
  await refuseInsideContainer();
  await checkRoom(
    work,
    WORK_BYTES,
    "the build directory",
    "Choose another one with --tmpdir or CW_BUILD_TMPDIR.",
  );
  await checkRoom(
    placement.holder,
    PREFIX_BYTES,
    "the prefix",
    "Free some space, or choose another one with --prefix.",
  );

  await adviseOfHost(context, placement, work);

  const runtime = await findRuntime(config.singularity_executable_path.value, facts.environment, signal);
  const mksquashfs = findMksquashfs(runtime, facts.environment);
  await makeTreeDirectory(paths.tree);
  for (const directory of [paths.inputs, paths.temporary, join(work, "activation"), join(work, "trial")]) {
    await makeDirectories(directory);
  }
  await prepareCache(config.cache_directory.value, facts.user.uid);
  await makeSkeleton(context, paths.skeleton);
  const location = locationOf(request, placement, config);
  const environment = applyEnvironment(
    facts.environment,
    planEnvironment(facts, location.environment, paths.temporary),
  );
  const message = baseMilestone(baseChoice);
  if (message !== undefined) context.report({ event: "milestone", message });
  const base = await resolveBase(context, runtime, baseChoice, paths.skeleton, environment);

  const hidden = hiddenTopLevel(base, config.excluded_mount_points.value);
  const links = base.kind === "host" ? skeletonLinks(facts.topLevel, hidden) : [];
  const binds = boundTopLevel(facts.topLevel, hidden, links).plain;
  // The installer is made ready meanwhile; a host that cannot run containers ends that, too.
  const abandoned = new AbortController();
  const meanwhile = { ...context, signal: AbortSignal.any([context.signal, abandoned.signal]) };
  const enginePromise = readyEngine(meanwhile, request, runtime, base);
  enginePromise.catch(() => undefined);
  const { origin } = request;
  const trying = knownTrial(
    context,
    {
      runtime,
      baseKind: base.kind,
      base: base.path,
      binds,
      root: location.mount,
      ways: mountWaysHere(runtime, facts.environment),
      bindsOver: request.tool === "conda",
      level: request.options.compress ?? "default",
      mksquashfs,
      directory: join(work, "trial"),
      environment,
    },
    undo,
  );
  const [trial] = await Promise.all([trying, origin && checkOrigin(origin)]).catch(async (error: unknown) => {
    await trying.catch(() => undefined);
    abandoned.abort(error);
    await enginePromise.catch(() => undefined);
    throw error;
  });
  const engine = await enginePromise;
  const uv = await uvFor(context, request, engine);
  const packageCaches = request.tool === "conda" ? await userPackageCaches(facts) : [];
  const planInputs: PlanInputs = {
    id: randomUUID(),
    request,
    config,
    facts,
    placement,
    location,
    runtime,
    trial,
    base,
    engine,
    ...(uv === undefined ? {} : { uv }),
    packageCaches,
    mksquashfs,
    ...(origin ? { unsquashfs: findUnsquashfs(runtime, facts.environment) } : {}),
    workDirectory: work,
  };
  const plan = makePlan(planInputs);
  if (origin === undefined || !packsWorkTree(plan)) return { plan };
  const opened = await openImage(context, plan, origin, (overlay) => makePlan({ ...planInputs, overlay }));
  return opened ?? { plan };
}
