import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import type { HostFacts } from "../host/facts.ts";
import { chmod, readFile, rm } from "../host/files.ts";
import { lockPrefix } from "../host/lock.ts";
import { isElsewhere, isStub } from "../prefix/launcher.ts";
import { prefixPaths } from "../prefix/layout.ts";
import { chooseWay, mendCommands, type Way } from "../prefix/verification.ts";
import { requireWritable } from "./environment.ts";
import { lookAtBin } from "./inspect-bin.ts";
import type { Inspected } from "./inspect-generation.ts";
import { mendGeneration } from "./mend-generation.ts";
import { currentGeneration } from "./publish.ts";
import { switchTo } from "./rollback.ts";
import { type Verification, type VerifyRequest, verify } from "./verify.ts";

export interface RepairRequest extends VerifyRequest {
  facts: HostFacts;
  cacheDirectory: string;
  now: Date;
  /** Asks whoever called; what is asked for is another state than the one that was in use. */
  confirm: (question: string) => Promise<boolean>;
  /** Builds the same packages again in this prefix, from the lock of a generation. */
  rebuild: (root: string, generation: number) => Promise<void>;
}

export interface Repaired {
  /** What was mended, for people, in order. */
  done: string[];
  /** Something could have been mended and was not wanted. */
  declined: boolean;
}

/** How a generation is called in a question. */
function shown({ number, manifest }: Inspected): string {
  if (!manifest) return `generation ${number}`;
  const count = manifest.packages.length;
  const packages = count === 0 ? "" : `, ${count} package${count === 1 ? "" : "s"}`;
  return `generation ${number} (${manifest.created.slice(0, 10)}${packages})`;
}

/** Makes way for the launchers in bin: what is ours and cannot be used under a command's name. */
async function clearBin(root: string, inspected: Inspected): Promise<void> {
  if (!inspected.manifest) return;
  const { bin } = prefixPaths(root);
  const { notExecutable } = await lookAtBin(root, inspected.manifest);
  for (const name of notExecutable) {
    await chmod(join(bin, name), 0o777 & ~process.umask()).catch(() => undefined);
  }
  const { changed } = await lookAtBin(root, inspected.manifest);
  for (const name of changed) {
    const path = join(bin, name);
    // One that is cut before the mark by which it is known.
    if (!isStub(await readFile(path, "utf8").catch(() => ""))) await rm(path, { force: true });
  }
}

/** Takes a generation as the current one, with its launchers in bin. @throws {KapseliError} `hostCannot` when it cannot be. */
async function take(request: RepairRequest, { place }: Verification, target: Inspected): Promise<void> {
  if (!target.launcher) return;
  await clearBin(place.root, target);
  await switchTo(place, target.number, target.launcher, request.now).catch((error: unknown) => {
    if (!(error instanceof KapseliError)) throw error;
    throw new KapseliError(ExitCode.hostCannot, error.message, error.details);
  });
}

/** Decides, asks and does what brings back a generation that can be started. */
async function bringBack(
  request: RepairRequest,
  verification: Verification,
  named: number | undefined,
  way: Way,
  repaired: Repaired,
): Promise<{ from: number } | undefined> {
  const { place, inspected } = verification;
  const of = (number: number): Inspected | undefined => inspected.find((one) => one.number === number);
  const now = named === undefined ? undefined : of(named);
  const is = now
    ? `generation ${now.number}, the current one, cannot be used`
    : "the current generation is not there";
  if (way.way === "switch") {
    const target = of(way.to);
    if (!target?.launcher) return undefined;
    const isOlder = named === undefined || way.to < named;
    const elsewhere = isElsewhere(target.launcher, place.root)
      ? `, built for ${target.launcher.root} (${mendCommands(place.root).relocate} then makes it one of this place)`
      : "";
    const question = `${place.root}: ${is}. ${isOlder ? "Go back" : "Go"} to ${shown(target)}${elsewhere}?`;
    if (!way.asks || (await request.confirm(question))) {
      await take(request, verification, target);
      repaired.done.push(`${shown(target)} is the current one${elsewhere}`);
      return undefined;
    }
    repaired.declined = true;
  }
  const source =
    way.way === "rebuild"
      ? way.from
      : (now?.canBeRebuilt ? now : inspected.find((one) => one.canBeRebuilt))?.number;
  if (source === undefined || way.way === "stay") return undefined;
  const question = `${place.root}: ${is}. Build the packages of generation ${source} again, from its environment.lock?`;
  if (await request.confirm(question)) return { from: source };
  repaired.declined = true;
  return undefined;
}

/**
 * Mends what of an environment can be mended: files from the rest of their generation, names in bin, `current`; where
 * the current generation is lost, another one takes its place, or the same packages are built again, when `confirm` says so.
 *
 * @throws {KapseliError} as `verify`; `hostCannot` when it cannot be written or another build holds it.
 */
export async function repair(request: RepairRequest, first: Verification): Promise<Repaired> {
  const { place } = first;
  const { root } = place;
  const repaired: Repaired = { done: [], declined: false };
  await requireWritable({ ...place, generation: 0 });
  const release = await lockPrefix(root);
  let rebuild: { from: number } | undefined;
  try {
    const mending = { ...request, root };
    const numbers = first.inspected.map(({ number }) => number);
    for (const one of first.inspected) {
      const others = numbers.filter((number) => number !== one.number);
      repaired.done.push(...(await mendGeneration(mending, one, others)));
    }
    const again = await verify({ ...request, run: false });
    const named = await currentGeneration(root);
    const way = chooseWay(again.inspected, named);
    const now = again.inspected.find(({ current }) => current);
    if (way.way !== "stay") rebuild = await bringBack(request, again, named, way, repaired);
    else if (now?.launcher && again.report.findings.some(({ check }) => check === "commands")) {
      await take(request, again, now);
      repaired.done.push(`the launchers in ${prefixPaths(root).bin}`);
    }
  } finally {
    await release();
  }
  if (rebuild) {
    await request.rebuild(root, rebuild.from);
    repaired.done.push(`the packages of generation ${rebuild.from}, built again`);
  }
  return repaired;
}
