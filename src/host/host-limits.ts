import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { memoryLimit, memoryLimitFiles, type ProcessLimits, parseLimits } from "../tools/proc-limits.ts";

/** How much this process may use of its host. */
export interface HostLimits extends ProcessLimits {
  /** Bytes that this process and those beside it may have; the smallest of its control groups. */
  memory: { bytes: number; file: string } | undefined;
  /** Bytes of the whole host. */
  totalMemory: number;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Looks at this process's limits and control groups. */
export function hostLimits(): HostLimits {
  const totalMemory = totalmem();
  let memory: HostLimits["memory"];
  for (const file of memoryLimitFiles(read("/proc/self/cgroup") ?? "")) {
    const bytes = memoryLimit(read(file) ?? "");
    if (bytes !== undefined && bytes < (memory?.bytes ?? totalMemory)) memory = { bytes, file };
  }
  return { ...parseLimits(read("/proc/self/limits") ?? ""), memory, totalMemory };
}
