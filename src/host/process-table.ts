import { readFileSync, readlinkSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { ListedProcess } from "../tools/process-table.ts";
import { processIds, startTime } from "./proc-stat.ts";

/** Clock ticks per second of what /proc shows: USER_HZ, 100 on every architecture that this runs on (man 7 time). */
const TICKS = 100;

function namespace(pid: number, kind: "mnt" | "user"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

function listed(pid: number, uptime: number): ListedProcess | undefined {
  const start = startTime(pid);
  if (start === undefined) return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return {
      pid,
      parent: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]),
      name: stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")")),
      uid: statSync(`/proc/${pid}`).uid,
      mountNamespace: namespace(pid, "mnt"),
      userNamespace: namespace(pid, "user"),
      seconds: uptime - Number(start) / TICKS,
    };
  } catch {
    return undefined;
  }
}

/** Every process that can be seen. */
export function processTable(): ListedProcess[] {
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  return processIds().flatMap((pid) => listed(pid, uptime) ?? []);
}

const PATIENCE_MS = 2_000;

/** Ends one process of this user's: TERM, and KILL when it does not heed it. @returns whether it is gone. */
export async function endProcess(pid: number, start: string | undefined): Promise<boolean> {
  const isThere = (): boolean => start !== undefined && startTime(pid) === start;
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    // Another process may have its number by now.
    if (!isThere()) return true;
    try {
      process.kill(pid, signal);
    } catch {
      return !isThere();
    }
    const deadline = Date.now() + PATIENCE_MS;
    while (isThere() && Date.now() < deadline) await setTimeout(20);
  }
  return !isThere();
}
