import { join } from "node:path";
import { stat } from "../host/files.ts";
import { type Holder, lockHolder } from "../host/lock.ts";
import { type Usage, usageOf } from "../host/usage.ts";
import { prefixPaths } from "../prefix/layout.ts";
import { currentSeen, environmentState, manifestSeen, type SeenEnvironment } from "../prefix/state.ts";
import type { EnvironmentIdentity, ListedEnvironment } from "../report/objects.ts";
import { readExisting, type TykkyInstallation } from "./existing.ts";
import { type FoundPrefix, seeEnvironment } from "./see.ts";

const KINDS = { conda: "conda", venv: "pip", wrapdisk: "directory", wrapcont: "container" } as const;

/** What Tykky puts into a prefix. */
const OF_TYKKY = [
  "bin",
  "_bin",
  "common.sh",
  "container.sif",
  "img.sqfs",
  "lib",
  "lib64",
  "pyvenv.cfg",
  "share",
];

/** What an environment takes of a quota; what others put beside it does not count. */
async function usageOfPrefix({ made, root }: FoundPrefix): Promise<Usage> {
  const { bin, current, generations, share, imageLink, containerLink } = prefixPaths(root);
  const own = [bin, current, generations, share, imageLink, containerLink];
  const usage = await usageOf(made === "kapseli" ? own : OF_TYKKY.map((name) => join(root, name)));
  // Itself.
  return { ...usage, inodes: usage.inodes + 1 };
}

function lockOf(holder: Holder | undefined): EnvironmentIdentity["lock"] {
  if (!holder) return null;
  const { user, host, pid, since } = holder;
  return { user: String(user), host: String(host), pid: Number(pid) || 0, since: String(since) };
}

/** What is seen of an environment, and what it is. */
export interface Identified {
  identity: EnvironmentIdentity;
  /** Undefined for what Tykky made. */
  seen: SeenEnvironment | undefined;
  tykky: TykkyInstallation | undefined;
}

async function identifyOwn(found: FoundPrefix, usage: Usage): Promise<Identified> {
  const { prefix, root } = found;
  const seen = await seeEnvironment(root);
  const { condition, problems } = environmentState(seen);
  const current = currentSeen(seen);
  const manifest = current && manifestSeen(current);
  const identity: EnvironmentIdentity = {
    prefix,
    root,
    made: "kapseli",
    kind: manifest?.tool ?? null,
    state: condition,
    problems: problems.map(({ path, what }) => ({ path, what })),
    lock: lockOf(await lockHolder(root)),
    generation: current?.number ?? null,
    created: manifest?.created ?? null,
    size: usage.bytes,
    inodes: usage.inodes,
  };
  return { identity, seen, tykky: undefined };
}

async function identifyTykky(found: FoundPrefix, usage: Usage): Promise<Identified> {
  const { prefix, root } = found;
  const identity: EnvironmentIdentity = {
    prefix,
    root,
    made: "tykky",
    kind: null,
    state: "ok",
    problems: [],
    lock: null,
    generation: null,
    created: (await stat(join(root, "common.sh")).catch(() => undefined))?.mtime.toISOString() ?? null,
    size: usage.bytes,
    inodes: usage.inodes,
  };
  try {
    const tykky = await readExisting(root);
    if (tykky.made !== "tykky") throw new Error("it has generations");
    return { identity: { ...identity, kind: KINDS[tykky.conf.mode] }, seen: undefined, tykky };
  } catch (error) {
    const problems = [{ path: root, what: (error as Error).message }];
    return { identity: { ...identity, state: "damaged", problems }, seen: undefined, tykky: undefined };
  }
}

/** Looks at an environment; whatever is wrong with it is part of what is said. */
export async function identify(found: FoundPrefix): Promise<Identified> {
  const usage = await usageOfPrefix(found);
  return found.made === "kapseli" ? identifyOwn(found, usage) : identifyTykky(found, usage);
}

/** An environment as it is listed. */
export async function listed(found: FoundPrefix, name: string | undefined): Promise<ListedEnvironment> {
  const { identity, seen, tykky } = await identify(found);
  const current = seen && currentSeen(seen);
  const base = (current && manifestSeen(current)?.base.source) ?? tykky?.conf.containerSource;
  return { ...identity, name: name ?? null, generations: seen?.generations.length ?? 1, base: base ?? null };
}
