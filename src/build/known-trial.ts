import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { makeDirectories, readFile, rm, stat, writeFile } from "../host/files.ts";
import { bootId } from "../host/proc-stat.ts";
import { NAMESPACE_SYSCTLS, usualConfigurations } from "../host/runtime.ts";
import type { Undo } from "../host/undo.ts";
import type { TrialResult } from "../plan/plan.ts";
import { usualTrial } from "../plan/usual-trial.ts";
import { VERSION } from "../version.ts";
import type { BuildContext } from "./context.ts";
import { type Trial, tryRuntime } from "./trial.ts";

/** What a file is, without reading it. */
async function stateOf(path: string): Promise<readonly (string | number)[]> {
  const info = await stat(path).catch(() => undefined);
  return info ? [path, info.dev, info.ino, info.mode, info.size, info.mtimeMs, info.ctimeMs] : [path];
}

/** Everything by which a trial here could end otherwise than the last one. Another boot or host has other ones. */
async function keyOf({ facts }: BuildContext, trial: Trial): Promise<string> {
  const { runtime, baseKind, base, binds, root, ways, bindsOver, level, mksquashfs, environment } = trial;
  const files = [runtime.path, mksquashfs, ...usualConfigurations(runtime)];
  const key = [
    VERSION,
    bootId(),
    facts.user.uid,
    runtime,
    [baseKind, bindsOver, level],
    [binds, ways, dirname(root)],
    // The host base's skeleton is made for each build.
    baseKind === "host" ? [] : await stateOf(base),
    await Promise.all(files.map(stateOf)),
    (await stat("/dev/fuse").catch(() => undefined))?.mode,
    await Promise.all(
      NAMESPACE_SYSCTLS.map((name) => readFile(join("/proc/sys", name), "utf8").catch(() => "")),
    ),
    Object.entries(environment)
      .filter(([name]) => name === "PATH" || /^(SINGULARITY|APPTAINER)(?!ENV_)/.test(name))
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  ];
  return createHash("sha256").update(JSON.stringify(key)).digest("hex");
}

/** The texts of the file that says what was found; anything else is nothing. */
const SAYS = { withActions: "usual\n", withoutActions: "usual, mksquashfs without actions\n" };

/**
 * What `tryRuntime` finds; where that was the usual before, and nothing that it depends on has changed, without
 * starting a container. What is not the usual may have been so for a moment only, and is never taken from before. A
 * build that fails forgets it: nobody is held by what is not so any more, and the next one is told what the runtime says.
 *
 * @param undo of the build
 */
export async function knownTrial(context: BuildContext, trial: Trial, undo: Undo): Promise<TrialResult> {
  const directory = join(context.config.cache_directory.value, "trials");
  const file = join(directory, await keyOf(context, trial));
  const text = await readFile(file, "utf8").catch(() => "");
  undo.add(() => rm(file, { force: true }).catch(() => undefined));
  const usual = usualTrial(trial);
  if (text === SAYS.withActions || text === SAYS.withoutActions) {
    context.report({ event: "debug", message: "the container runtime was tried before, and is as it was" });
    return { ...usual, mksquashfsActions: text === SAYS.withActions };
  }
  const found = await tryRuntime(context, trial);
  const { mksquashfsActions } = found;
  if (isDeepStrictEqual(found, { ...usual, mksquashfsActions })) {
    // Where a cache cannot be written it is only time that is lost; half of a text says nothing.
    await makeDirectories(directory, 0o700)
      .then(() => writeFile(file, mksquashfsActions ? SAYS.withActions : SAYS.withoutActions))
      .catch(() => undefined);
  }
  return found;
}
