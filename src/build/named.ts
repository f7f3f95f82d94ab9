import { resolve } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists } from "../host/files.ts";
import { type EnvironmentName, parseEnvironmentName } from "../prefix/environment-name.ts";
import { generationPaths } from "../prefix/layout.ts";
import type { Manifest } from "../prefix/manifest.ts";
import { previousGenerations } from "../prefix/prune.ts";
import { currentSeen, type SeenEnvironment } from "../prefix/state.ts";
import { replacedTimes } from "./generations.ts";
import { readManifest, textOf } from "./read-manifest.ts";
import { requireOwn, seeEnvironment } from "./see.ts";

/** One generation of an environment. */
export interface NamedGeneration {
  prefix: string;
  root: string;
  generation: number;
}

function none(root: string, what: string): KapseliError {
  return new KapseliError(ExitCode.badInput, `${root} has no ${what}`, {
    hint: `kapseli generations ${root} lists what is there.`,
  });
}

/** The generation that `rollback` would take, or the one that was current last. */
async function previousOf(seen: SeenEnvironment, current: number): Promise<number | undefined> {
  const times = await replacedTimes(seen);
  const candidates = seen.generations.map(({ number, missing }) => ({
    number,
    replaced: times.get(number),
    complete: missing.length === 0,
    finished: true,
    used: false,
  }));
  const [first] = previousGenerations(current, candidates);
  return first;
}

/**
 * Finds the generation that is meant by `ENV`, `ENV@2`, `ENV@previous` or `ENV@current`. A path that is there is that
 * path, whatever its name ends with.
 *
 * @throws {KapseliError} `badInput` when there is no such environment or generation.
 */
export async function namedGeneration(text: string, cwd: string): Promise<NamedGeneration> {
  return generationOf(await environmentName(text, cwd), cwd);
}

/** What is meant by a text on the command line: a path that is there, or a generation of one. */
export async function environmentName(text: string, cwd: string): Promise<EnvironmentName> {
  const literal = await exists(resolve(cwd, text)).catch(() => false);
  return literal ? { directory: text, generation: "current" } : parseEnvironmentName(text);
}

/** @throws {KapseliError} `badInput` when there is no such environment or generation. */
export async function generationOf(name: EnvironmentName, cwd: string): Promise<NamedGeneration> {
  const { prefix, root } = await requireOwn(resolve(cwd, name.directory));
  const seen = await seeEnvironment(root);
  if (typeof name.generation === "number") {
    const { generation } = name;
    if (seen.generations.some(({ number }) => number === generation)) return { prefix, root, generation };
    throw none(root, `generation ${generation}`);
  }
  const current = currentSeen(seen)?.number;
  if (current === undefined) throw none(root, "current generation: it is damaged");
  if (name.generation === "current") return { prefix, root, generation: current };
  const generation = await previousOf(seen, current);
  if (generation === undefined) throw none(root, `generation before ${current}`);
  return { prefix, root, generation };
}

/** What a generation recorded of itself. @throws {KapseliError} `badInput` when that cannot be read. */
export function manifestOf({ root, generation }: NamedGeneration): Promise<Manifest> {
  return readManifest(generationPaths(root, generation).manifest);
}

/** The build log of a generation. @throws {KapseliError} `badInput` when there is none, or it cannot be read. */
export async function logOf({ root, generation }: NamedGeneration): Promise<{ path: string; text: string }> {
  const { log } = generationPaths(root, generation);
  const text = await textOf(log);
  if (text !== undefined) return { path: log, text };
  throw new KapseliError(ExitCode.badInput, `generation ${generation} of ${root} has no build log`, {
    hint: "It may have been taken by a purge of old files. Logs of failed builds are in ~/.local/state/kapseli/logs.",
  });
}
