import { readdirSync, readFileSync } from "node:fs";

/** What identifies a process on this host across pid reuse and reboots. */
export interface ProcessIdentity {
  host: string;
  /** Random per boot; from /proc/sys/kernel/random/boot_id. */
  boot: string;
  pid: number;
  /** Start time in clock ticks since boot: field 22 of /proc/PID/stat (man 5 proc). */
  start: string;
}

/** @returns the start time of a live process; undefined when there is none (or it is a zombie). */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The numbers of the processes that can be seen; none where there is no /proc. */
export function processIds(): number[] {
  try {
    return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
  } catch {
    return [];
  }
}

export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}

/** The identity of this process. */
export function ownIdentity(host: string): ProcessIdentity {
  return { host, boot: bootId(), pid: process.pid, start: startTime(process.pid) ?? "" };
}

/** Whether the process of an identity written earlier still runs; `unknown` when it belongs to another host. */
export function isAlive(identity: ProcessIdentity, host: string): "alive" | "dead" | "unknown" {
  if (identity.host !== host) return "unknown";
  if (identity.boot !== bootId()) return "dead";
  return startTime(identity.pid) === identity.start ? "alive" : "dead";
}

/** @returns the soft limit of open files of a process (man 5 proc, /proc/PID/limits): a number or `unlimited`. */
export function openFilesLimit(pid: number): string | undefined {
  try {
    return /^Max open files\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
