import { dirname } from "node:path";
import { prepareCache } from "../host/cache-directory.ts";
import { clockAhead, type FileSystem, fileSystemOf } from "../host/file-systems.ts";
import { exists, isWritable, removeEmptyDirectories } from "../host/files.ts";
import { hostLimits } from "../host/host-limits.ts";
import { makeWorkDirectory } from "../host/work-directory.ts";
import { bytesText, clockAdvice, prefixAdvice, workAdvice } from "../plan/host-advice.ts";
import type { BuildContext } from "./context.ts";
import { adviceChecks, type DoctorCheck, failedCheck } from "./doctor-check.ts";
import { orNoRoom } from "./no-room.ts";
import { PREFIX_BYTES, WORK_BYTES, WORK_INODES } from "./preflight.ts";

function shown(path: string, { type, freeBytes, freeInodes }: FileSystem): string {
  const inodes = freeInodes === undefined ? "" : `, ${freeInodes} inodes`;
  return `${path}: ${type}, ${bytesText(freeBytes)}${inodes} free`;
}

function roomCheck(
  id: string,
  title: string,
  path: string,
  system: FileSystem,
  needs: { bytes: number; inodes?: number },
): DoctorCheck {
  const detail = shown(path, system);
  const isFull =
    system.freeBytes < needs.bytes ||
    (needs.inodes !== undefined && (system.freeInodes ?? Number.POSITIVE_INFINITY) < needs.inodes);
  if (!isFull) return { id, title, state: "ok", detail };
  const advice =
    "Free some space or inodes (kapseli clean shows what of ours can go), or choose another place.";
  return { id, title, state: "problem", detail: `${detail}: that is too little`, advice };
}

/** The nearest directory above a path that is there. */
async function existing(path: string): Promise<string> {
  let at = path;
  while (at !== dirname(at) && !(await exists(at).catch(() => false))) at = dirname(at);
  return at;
}

async function workCheck({ config, facts }: BuildContext): Promise<DoctorCheck[]> {
  const id = "work-directory";
  const title = "where builds work";
  const given = config.build_tmpdir_base.value === "" ? undefined : config.build_tmpdir_base.value;
  try {
    const work = await makeWorkDirectory(given, facts.environment, facts.user.uid);
    try {
      const base = dirname(work.path);
      const system = await fileSystemOf(work.path);
      const bad = adviceChecks(id, title, workAdvice(base, system, hostLimits()));
      return [roomCheck(id, title, base, system, { bytes: WORK_BYTES, inodes: WORK_INODES }), ...bad];
    } finally {
      await work.remove();
    }
  } catch (error) {
    return [failedCheck(id, title, error)];
  }
}

/** What is said of a place that can be written to, by the file system that it is on. @param there is a directory */
async function systemChecks(id: string, title: string, path: string, there: string): Promise<DoctorCheck[]> {
  const system = await fileSystemOf(there);
  const checks = [roomCheck(id, title, path, system, { bytes: PREFIX_BYTES })];
  if (id === "prefix") checks.push(...adviceChecks(id, title, prefixAdvice(path, system)));
  const clock = clockAdvice(await clockAhead(there), `the file system of ${there}`);
  return [...checks, ...adviceChecks(id, title, clock)];
}

async function prefixCheck(path: string): Promise<DoctorCheck[]> {
  const id = "prefix";
  const title = "where it is installed";
  const there = await existing(path);
  if (await isWritable(there)) return systemChecks(id, title, path, there);
  const advice = "Choose another one with --prefix.";
  return [{ id, title, state: "problem", detail: `${there} cannot be written by you`, advice }];
}

/** The cache as a build prepares it: made for real, and gone again when it was not there. */
async function cacheCheck({ config, facts }: BuildContext): Promise<DoctorCheck[]> {
  const id = "cache";
  const title = "where downloads are kept";
  const path = config.cache_directory.value;
  try {
    const made = await prepareCache(path, facts.user.uid);
    try {
      if (await isWritable(path)) return await systemChecks(id, title, path, path);
      const advice = "Set KAPSELI_CACHE to a directory of yours.";
      return [{ id, title, state: "problem", detail: `${path} cannot be written by you`, advice }];
    } finally {
      await removeEmptyDirectories(made);
    }
  } catch (error) {
    return [failedCheck(id, title, await orNoRoom(error, "preflight", [path]))];
  }
}

/** The directories that a build writes to. */
export async function placeChecks(context: BuildContext, prefix: string): Promise<DoctorCheck[]> {
  const parts = await Promise.all([workCheck(context), prefixCheck(prefix), cacheCheck(context)]);
  return parts.flat();
}
