import { hostname } from "node:os";
import { join } from "node:path";
import { lstat, readdir } from "../host/files.ts";
import { failedLogsDirectory } from "../host/log.ts";
import { startTime } from "../host/proc-stat.ts";
import { endProcess, processTable } from "../host/process-table.ts";
import { run } from "../host/processes.ts";
import {
  findWorkDirectories,
  isLeftover,
  removeDead,
  removeTree,
  usualWorkBases,
} from "../host/work-directory.ts";
import { orphanedServers } from "../tools/process-table.ts";

/** The form of what `kapseli clean --json` prints. */
export const CLEAN_SCHEMA = "kapseli.clean/1";

export const CLEAN_KINDS = ["work", "processes", "caches", "logs"] as const;
export type CleanKind = (typeof CLEAN_KINDS)[number];

/** Something that can be cleaned up, or looks like it. */
export interface CleanItem {
  kind: CleanKind;
  /** Of a process: the number. */
  path: string;
  /** On disk; 0 for a process. */
  bytes: number;
  /** What is removed when it is agreed to; the others are told, and stay. */
  removable: boolean;
  /** What it is, or why it stays. */
  why: string;
  /** Of a process: when it started, so that another one of its number is not taken for it. */
  start?: string;
}

export interface CleanRequest {
  kinds: readonly CleanKind[];
  uid: number;
  environment: Readonly<Record<string, string>>;
  home: string;
  cacheDirectory: string;
  /** A directory in which builds work, besides the usual ones. */
  workBase: string | undefined;
  /** Without it sizes are 0: adding them up reads every directory. */
  sizes: boolean;
  signal: AbortSignal;
}

async function sizeOf(path: string, { sizes, signal }: CleanRequest): Promise<number> {
  if (!sizes) return 0;
  // Of files with several names each is counted once.
  const ran = await run({ argv: ["du", "-skx", "--", path], env: { PATH: "/usr/bin:/bin" } }, { signal });
  return 1024 * Number(/^\d+/.exec(ran.stdout)?.[0] ?? 0);
}

async function workItems(request: CleanRequest): Promise<{ items: CleanItem[]; alive: number | undefined }> {
  const bases = new Set([
    ...(request.workBase ? [request.workBase] : []),
    ...usualWorkBases(request.environment),
  ]);
  const items: CleanItem[] = [];
  let alive: number | undefined;
  const seen = new Set<string>();
  for (const base of bases) {
    for (const { path, state, owner } of await findWorkDirectories(base, request.uid)) {
      const { dev, ino } = await lstat(path).catch(() => ({ dev: 0, ino: 0 }));
      // /tmp by another name.
      if (seen.has(`${dev} ${ino}`)) continue;
      seen.add(`${dev} ${ino}`);
      if (state === "alive") alive = owner?.pid;
      const why = {
        alive: `process ${owner?.pid} works there`,
        dead: "left by a build that was killed",
        empty: "empty: left by a build that was killed as it began",
        unknown: `of a build on ${owner?.host}: clean up there`,
        kept: "kept by CW_DEBUG_KEEP_FILES, or none of ours: remove it yourself",
      }[state];
      const bytes = await sizeOf(path, request);
      items.push({ kind: "work", path, bytes, removable: isLeftover({ state }), why });
    }
  }
  return { items, alive };
}

/** What the cache directory has, each entry by itself; only the user's own is looked at. */
async function cacheItems(request: CleanRequest, alive: number | undefined): Promise<CleanItem[]> {
  const { cacheDirectory, uid } = request;
  const top = await lstat(cacheDirectory).catch(() => undefined);
  if (!top?.isDirectory()) return [];
  if (top.uid !== uid) {
    const why = "belongs to another user";
    return [{ kind: "caches", path: cacheDirectory, bytes: 0, removable: false, why }];
  }
  const items: CleanItem[] = [];
  for (const name of (await readdir(cacheDirectory)).sort()) {
    const path = join(cacheDirectory, name);
    const info = await lstat(path).catch(() => undefined);
    if (!info) continue;
    const isOther = info.uid !== uid || info.isSymbolicLink();
    const why = isOther
      ? "belongs to another user, or is a link"
      : alive === undefined
        ? "downloaded or made again when it is needed"
        : `in use: process ${alive} builds`;
    const bytes = isOther ? 0 : await sizeOf(path, request);
    items.push({ kind: "caches", path, bytes, removable: !isOther && alive === undefined, why });
  }
  return items;
}

function processItems(request: CleanRequest): CleanItem[] {
  const table = processTable();
  const own = table.find(({ pid }) => pid === process.pid);
  if (!own || own.mountNamespace === undefined) return [];
  return orphanedServers(table, { ...own, uid: request.uid }).flatMap(({ pid, name }): CleanItem[] => {
    const start = startTime(pid);
    if (start === undefined) return [];
    const why = `${name} whose container is gone, on ${hostname()}`;
    return [{ kind: "processes", path: String(pid), bytes: 0, removable: true, why, start }];
  });
}

async function logItems({ environment, home, uid }: CleanRequest): Promise<CleanItem[]> {
  const directory = failedLogsDirectory(environment, home);
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith(".log"));
  const items: CleanItem[] = [];
  for (const name of names.sort()) {
    const path = join(directory, name);
    const info = await lstat(path).catch(() => undefined);
    if (!info?.isFile() || info.uid !== uid) continue;
    items.push({ kind: "logs", path, bytes: info.size, removable: true, why: "log of a failed build" });
  }
  return items;
}

/** Looks what there is to clean up; nothing is touched, and nothing that another user owns is looked into. */
export async function findLeftovers(request: CleanRequest): Promise<CleanItem[]> {
  const wants = (kind: CleanKind): boolean => request.kinds.includes(kind);
  const work = await workItems(request);
  return [
    ...(wants("work") ? work.items : []),
    ...(wants("processes") ? processItems(request) : []),
    ...(wants("caches") ? await cacheItems(request, work.alive) : []),
    ...(wants("logs") ? await logItems(request) : []),
  ];
}

/** Removes what `findLeftovers` found, after one more look. @returns what is gone and what is not. */
export async function removeLeftover(item: CleanItem, request: CleanRequest): Promise<boolean> {
  if (item.kind === "processes") return endProcess(Number(item.path), item.start);
  // What was asked about may have been taken into use while somebody thought about it.
  const now = await findLeftovers({ ...request, kinds: [item.kind], sizes: false });
  if (!now.some(({ path, removable }) => path === item.path && removable)) return false;
  const removed = item.kind === "work" ? removeDead(item.path, request.uid) : removeTree(item.path);
  await removed.catch(() => undefined);
  return (await lstat(item.path).catch(() => undefined)) === undefined;
}
