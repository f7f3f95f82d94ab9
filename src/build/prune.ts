import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, readdir, rename } from "../host/files.ts";
import { lockPrefix } from "../host/lock.ts";
import { usageOf } from "../host/usage.ts";
import { usersOf } from "../host/users-of.ts";
import { removeTree } from "../host/work-directory.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import { decidePrune, type PruneCandidate } from "../prefix/prune.ts";
import { currentSeen, type SeenEnvironment } from "../prefix/state.ts";
import type { ContentOf } from "../report/objects.ts";
import { requireWritable } from "./environment.ts";
import { replacedTimes } from "./generations.ts";
import { requireOwn, seeEnvironment } from "./see.ts";

export interface PruneRequest {
  /** Also generations that were replaced less than 14 days ago. */
  also: boolean;
  dryRun: boolean;
  now: Date;
}

export type Pruned = ContentOf<"prune">["environments"][number];

/** A generation that is being removed: under this name it is none any more, whatever happens meanwhile. */
const GOING = ".kapseli-removed-";

async function candidatesOf(seen: SeenEnvironment): Promise<PruneCandidate[]> {
  const times = await replacedTimes(seen);
  const users = usersOf(seen.generations.map(({ number }) => generationPaths(seen.root, number).directory));
  return Promise.all(
    seen.generations.map(async ({ number, missing, manifest }): Promise<PruneCandidate> => {
      const { directory, replaced } = generationPaths(seen.root, number);
      const recorded = !("problem" in manifest && manifest.problem === "missing");
      return {
        number,
        replaced: times.get(number),
        complete: missing.length === 0,
        finished: recorded || (await exists(replaced)),
        used: users.some((one) => one.directory === directory),
      };
    }),
  );
}

async function removeGeneration(root: string, number: number): Promise<void> {
  const { generations } = prefixPaths(root);
  const going = join(generations, `${GOING}${number}`);
  await removeTree(going);
  await rename(generationPaths(root, number).directory, going);
  await removeTree(going);
}

/** What is left of a removal that was stopped. */
async function removeLeftovers(root: string): Promise<void> {
  const { generations } = prefixPaths(root);
  for (const name of (await readdir(generations)).filter((one) => one.startsWith(GOING))) {
    await removeTree(join(generations, name));
  }
}

async function decide(root: string, request: PruneRequest): Promise<Omit<Pruned, "prefix">> {
  const seen = await seeEnvironment(root);
  const current = currentSeen(seen);
  if (!current) {
    throw new KapseliError(
      ExitCode.badInput,
      `${root} is damaged: ${prefixPaths(root).current} leads to no generation, so that nothing can be spared`,
      { hint: "kapseli verify --repair mends it; then prune it." },
    );
  }
  const verdicts = decidePrune(current.number, await candidatesOf(seen), request.now.getTime(), request.also);
  const generations = await Promise.all(
    verdicts.map(async (verdict) => {
      const usage = await usageOf([generationPaths(root, verdict.number).directory]);
      return { ...verdict, size: usage.bytes, inodes: usage.inodes };
    }),
  );
  const going = generations.filter(({ goes }) => goes);
  const sum = (key: "size" | "inodes"): number => going.reduce((total, one) => total + one[key], 0);
  return { root, generations, freed: { size: sum("size"), inodes: sum("inodes") } };
}

/**
 * Removes the generations of an environment that are not needed any more.
 *
 * @param path absolute
 * @throws {KapseliError} `badInput` when there is no environment or nothing tells which generation is in use,
 * `hostCannot` when a build holds it, or it may not be changed.
 */
export async function prune(path: string, request: PruneRequest): Promise<Pruned> {
  const found = await requireOwn(path);
  const { prefix, root } = found;
  if (request.dryRun) return { prefix, ...(await decide(root, request)) };
  await requireWritable({ ...found, generation: 0 });
  const release = await lockPrefix(root);
  try {
    const decided = await decide(root, request);
    await removeLeftovers(root);
    for (const { number, goes } of decided.generations) {
      if (goes) await removeGeneration(root, number);
    }
    return { prefix, ...decided };
  } catch (error) {
    if (error instanceof KapseliError) throw error;
    throw new KapseliError(ExitCode.hostCannot, `${root} could not be pruned: ${(error as Error).message}`, {
      hint: "Check your rights there, then run the same command again.",
      cause: error,
    });
  } finally {
    await release();
  }
}
