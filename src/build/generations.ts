import { usageOf } from "../host/usage.ts";
import { generationPaths } from "../prefix/layout.ts";
import { manifestSeen, type SeenEnvironment } from "../prefix/state.ts";
import type { ContentOf, ListedGeneration } from "../report/objects.ts";
import { replacedAt } from "./publish.ts";
import { requireOwn, seeEnvironment } from "./see.ts";

/** When each generation stopped being the current one, in ms since the epoch, as far as that is known. */
export async function replacedTimes(seen: SeenEnvironment): Promise<Map<number, number>> {
  const times = new Map<number, number>();
  const current = seen.current?.number;
  const others = seen.generations.map(({ number }) => number).filter((number) => number !== current);
  for (const [index, number] of others.entries()) {
    const newer = others[index - 1] ?? current;
    const time = newer === undefined ? undefined : await replacedAt(seen.root, number, newer);
    if (time !== undefined) times.set(number, time);
  }
  return times;
}

/** The generations of an environment as they are listed, newest first. */
export async function listedGenerations(seen: SeenEnvironment): Promise<ListedGeneration[]> {
  const times = await replacedTimes(seen);
  return Promise.all(
    seen.generations.map(async (one): Promise<ListedGeneration> => {
      const manifest = manifestSeen(one);
      const usage = await usageOf([generationPaths(seen.root, one.number).directory]);
      const replaced = times.get(one.number);
      return {
        number: one.number,
        current: one.number === seen.current?.number,
        created: manifest?.created ?? null,
        replaced: replaced === undefined ? null : new Date(replaced).toISOString(),
        kapseli: manifest?.kapseli ?? null,
        imageSize: one.imageSize ?? null,
        size: usage.bytes,
        inodes: usage.inodes,
        packages: manifest?.packages.length ?? null,
        missing: [...one.missing],
      };
    }),
  );
}

/**
 * The generations of an environment, also of a damaged one.
 *
 * @param path absolute
 * @throws {KapseliError} `badInput` when there is no environment.
 */
export async function listGenerations(path: string): Promise<ContentOf<"generations">> {
  const { prefix, root } = await requireOwn(path);
  const seen = await seeEnvironment(root);
  const generations = await listedGenerations(seen);
  const current = generations.find((one) => one.current)?.number ?? null;
  return { prefix, root, current, generations };
}
