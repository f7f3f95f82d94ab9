import { dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { makeDirectories, mkdir, rm, writeFile } from "../host/files.ts";
import type { TrialResult } from "../plan/plan.ts";
import { PID_NAMESPACE, type Tried, usualTrial } from "../plan/usual-trial.ts";
import { type Compression, compressionsFor, packArgv } from "../tools/mksquashfs.ts";
import {
  type ContainerCall,
  execArgv,
  explainRuntimeFailure,
  FURTHER_FLAGS,
  type Mount,
  type MountWay,
  type Runtime,
  standardFlags,
} from "../tools/singularity.ts";
import { type BuildContext, runLogged } from "./context.ts";

export interface Trial extends Tried {
  runtime: Runtime;
  /** What a container starts from; for the host base the directory skeleton. */
  base: string;
  binds: readonly string[];
  /** Where the environment's image will be mounted. */
  root: string;
  mksquashfs: string;
  /** An empty directory for the trial's own files. */
  directory: string;
  environment: Readonly<Record<string, string>>;
}

/** A container start takes a tenth of a second; a hanging one is a failing one. */
const TRIAL_TIMEOUT_MS = 60_000;

/** Packs a small image in one compression; undefined when this mksquashfs cannot. */
async function packProbe(
  context: BuildContext,
  trial: Trial,
  compression: Compression,
): Promise<{ image: string; actions: boolean } | undefined> {
  const source = join(trial.directory, "tree");
  const image = join(trial.directory, `${compression}.sqfs`);
  for (const actions of [true, false]) {
    const argv = packArgv({
      mksquashfs: trial.mksquashfs,
      source,
      image,
      compression,
      level: trial.level,
      processors: 1,
      owner: context.facts.user,
      actions,
    });
    const packed = await runLogged(context, { argv, env: trial.environment });
    if (packed.exitCode === 0) return { image, actions };
    await rm(image, { force: true });
  }
  return undefined;
}

/**
 * Finds out, by trying, which flags this runtime needs with this base, how an image can be mounted over the prefix,
 * and which compression mounts that way. On most hosts the first try succeeds.
 *
 * @throws {KapseliError} `hostCannot` with what the runtime said when nothing works.
 */
export async function tryRuntime(context: BuildContext, trial: Trial): Promise<TrialResult> {
  const [token, overToken] = ["kapseli-probe", "kapseli-over"];
  await makeDirectories(join(trial.directory, "tree"));
  await writeFile(join(trial.directory, "tree", "probe"), token);
  let skeleton: "directory" | "image" = "directory";
  let base = trial.base;
  let lastError = "";

  const start = async (
    flags: readonly string[],
    argv: readonly [string, ...string[]],
    mounted: Pick<ContainerCall, "image" | "over"> = {},
  ): Promise<string | undefined> => {
    const call = { runtime: trial.runtime, flags, base, binds: trial.binds, mounts: [], argv };
    const words = execArgv({ ...call, ...mounted });
    const finished = await runLogged(
      context,
      { argv: words, env: trial.environment },
      { timeoutMs: TRIAL_TIMEOUT_MS },
    );
    if (finished.exitCode === 0) return finished.stdout;
    lastError = finished.timedOut ? "the runtime did not answer within a minute" : finished.stderr;
    return undefined;
  };

  const images = new Map<Compression, ReturnType<typeof packProbe>>();
  const probeOf = (compression: Compression): ReturnType<typeof packProbe> => {
    const packed = images.get(compression) ?? packProbe(context, trial, compression);
    images.set(compression, packed);
    return packed;
  };
  /** Whether an image in this compression can be read when it is mounted this way; and a file bound over one of it. */
  const mounts = async (
    flags: readonly string[],
    buildFlags: readonly string[],
    way: MountWay,
    compression: Compression,
    over?: Mount,
  ): Promise<TrialResult | undefined> => {
    const probe = await probeOf(compression);
    if (!probe) return undefined;
    const root = over ? dirname(over.destination) : trial.root;
    const image = { file: probe.image, root, way };
    const mounted = over ? { image, over: [over] } : { image };
    const printed = await start([...flags, ...buildFlags], ["/bin/cat", `${root}/probe`], mounted);
    // A base may print at every start.
    if (!printed?.endsWith(over ? overToken : token)) return undefined;
    const { actions } = probe;
    return {
      flags,
      buildFlags,
      skeleton,
      way,
      bindsOverImage: false,
      compression,
      mksquashfsActions: actions,
    };
  };
  // The runtime makes a missing mount point on the host: not in the prefix, which is what is covered later.
  const over: Mount = {
    source: join(trial.directory, "over"),
    destination: join(trial.directory, "covered", "probe"),
    readOnly: true,
  };
  if (trial.bindsOver) {
    await mkdir(dirname(over.destination));
    await writeFile(over.destination, "");
    await writeFile(over.source, overToken);
  }

  // The usual in one start.
  const usual = usualTrial(trial);
  const first = [usual.flags, usual.buildFlags, usual.way, usual.compression] as const;
  const [found, bound] = await Promise.all([
    mounts(...first),
    usual.bindsOverImage ? mounts(...first, over) : undefined,
  ]);
  if (found) return { ...found, bindsOverImage: bound !== undefined };

  const startError = lastError;
  let plainStarts = false;
  const flagSets = FURTHER_FLAGS.map((further) => [...standardFlags(trial.baseKind), ...further]);
  const compressions = compressionsFor(trial.level);
  for (const form of trial.baseKind === "host"
    ? (["directory", "image"] as const)
    : (["directory"] as const)) {
    if (form === "image") {
      const image = join(trial.directory, "skeleton.sqfs");
      const options = {
        mksquashfs: trial.mksquashfs,
        source: trial.base,
        image,
        processors: 1,
        owner: context.facts.user,
        actions: false,
      };
      const argv = packArgv({ ...options, compression: "gzip" });
      const packed = await runLogged(context, { argv, env: trial.environment });
      if (packed.exitCode !== 0) break;
      skeleton = "image";
      base = image;
    }
    for (const flags of flagSets) {
      const withPid = (await start([...flags, ...PID_NAMESPACE], ["/bin/true"])) !== undefined;
      if (!withPid && (await start(flags, ["/bin/true"])) === undefined) continue;
      plainStarts = true;
      for (const way of trial.ways) {
        for (const compression of compressions) {
          const found = await mounts(flags, [], way, compression);
          if (found) return { ...found, buildFlags: withPid ? PID_NAMESPACE : [] };
        }
      }
    }
  }

  const noImages = (await Promise.all(images.values())).every((image) => image === undefined);
  if (noImages) {
    throw new KapseliError(
      ExitCode.hostCannot,
      `${trial.mksquashfs} could not make an image in any of zstd, lz4 and gzip`,
      {
        hint: "Install squashfs-tools 4.3 or newer.",
      },
    );
  }
  const { message, hint, lines } = explainRuntimeFailure(lastError || startError);
  const what = plainStarts
    ? `an image cannot be mounted with ${trial.runtime.path}`
    : `${trial.runtime.path} does not work here`;
  throw new KapseliError(ExitCode.hostCannot, `${what}: ${message}`, { lines, hint });
}
