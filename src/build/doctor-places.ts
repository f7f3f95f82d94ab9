import { dirname } from "node:path";
import { clockAhead, type FileSystem, fileSystemOf } from "../host/file-systems.ts";
import { exists, isWritable } from "../host/files.ts";
import { hostLimits } from "../host/host-limits.ts";
import { makeWorkDirectory } from "../host/work-directory.ts";
import { bytesText, clockAdvice, prefixAdvice, workAdvice } from "../plan/host-advice.ts";
import type { BuildContext } from "./context.ts";
import { adviceChecks, type DoctorCheck, failedCheck } from "./doctor-check.ts";
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

/** A place that is written to: the prefix, or the cache. */
async function placeCheck(id: string, title: string, path: string): Promise<DoctorCheck[]> {
  const there = await existing(path);
  if (!(await isWritable(there))) {
    const advice =
      id === "cache" ? "Set KAPSELI_CACHE to a directory of yours." : "Choose another one with --prefix.";
    return [{ id, title, state: "problem", detail: `${there} cannot be written by you`, advice }];
  }
  const system = await fileSystemOf(there);
  const checks = [roomCheck(id, title, path, system, { bytes: PREFIX_BYTES })];
  if (id === "prefix") checks.push(...adviceChecks(id, title, prefixAdvice(path, system)));
  const clock = clockAdvice(await clockAhead(there), `the file system of ${there}`);
  return [...checks, ...adviceChecks(id, title, clock)];
}

/** The directories that a build writes to. */
export async function placeChecks(context: BuildContext, prefix: string): Promise<DoctorCheck[]> {
  const cache = context.config.cache_directory.value;
  const parts = await Promise.all([
    workCheck(context),
    placeCheck("prefix", "where it is installed", prefix),
    placeCheck("cache", "where downloads are kept", cache),
  ]);
  return parts.flat();
}
