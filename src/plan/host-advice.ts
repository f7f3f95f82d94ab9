import type { FileSystem } from "../host/file-systems.ts";
import type { HostLimits } from "../host/host-limits.ts";
import { isMemory, isRemote } from "../tools/mountinfo.ts";

/** Something about this host that a build should know. */
export interface Advice {
  /** `refuse`: a build cannot work so. */
  severity: "warning" | "refuse";
  message: string;
  hint: string;
}

const GIB = 1024 ** 3;
/** Solving conda-forge takes over 1 GiB with some engines, packing some hundreds of MiB besides. */
const MEMORY_BYTES = 3 * GIB;
/** Node reserves some GiB of address space alone, and the engines' downloads threads. */
const ADDRESS_SPACE_BYTES = 16 * GIB;
const FILE_BYTES = 4 * GIB;
const CPU_SECONDS = 3600;
const PROCESSES = 256;
/** Clocks of one site differ by less; make and Python's caches are misled by more. */
const CLOCK_SECONDS = 30;

const COMPUTE_NODE =
  "Build in a job on a compute node (srun, sbatch; with --tmpdir on its local disk), where limits are those of the job.";

/** A size for people, in the largest unit of which it has one. */
export function bytesText(bytes: number): string {
  const units = [
    ["GiB", GIB],
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
  ] as const;
  for (const [unit, size] of units) {
    if (bytes >= size)
      return `${bytes >= 10 * size ? Math.round(bytes / size) : (bytes / size).toFixed(1)} ${unit}`;
  }
  return `${bytes} bytes`;
}

/** What the limits of this process mean for a build. Pure. */
export function limitAdvice(limits: HostLimits): Advice[] {
  const found: Advice[] = [];
  const warn = (message: string, hint: string): void => {
    found.push({ severity: "warning", message, hint });
  };
  const { memory } = limits;
  if (memory && memory.bytes < MEMORY_BYTES) {
    warn(
      `this session may have ${bytesText(memory.bytes)} of memory (${memory.file}): solving or packing may be ended for want of it`,
      COMPUTE_NODE,
    );
  }
  const low = (value: number | undefined, least: number, what: string, shown: string): void => {
    if (value !== undefined && value < least) warn(`${what} is limited to ${shown}`, COMPUTE_NODE);
  };
  const { addressSpace, fileSize, cpuSeconds, processes } = limits;
  low(addressSpace, ADDRESS_SPACE_BYTES, "the address space (ulimit -v)", bytesText(addressSpace ?? 0));
  low(fileSize, FILE_BYTES, "the size of a file (ulimit -f)", bytesText(fileSize ?? 0));
  low(cpuSeconds, CPU_SECONDS, "processor time (ulimit -t)", `${cpuSeconds} s`);
  low(processes, PROCESSES, "the number of processes (ulimit -u)", String(processes));
  return found;
}

/** What the place where a build works means for it. Pure. */
export function workAdvice(path: string, { type, noexec }: FileSystem, limits: HostLimits): Advice[] {
  const hint = "Choose local storage with --tmpdir or CW_BUILD_TMPDIR.";
  if (noexec) {
    const message = `the build directory ${path} is on a file system from which no program can be started (noexec)`;
    return [{ severity: "refuse", message, hint }];
  }
  if (isRemote(type)) {
    const message = `the build directory ${path} is on ${type}, where tens of thousands of small files are slow`;
    return [{ severity: "warning", message, hint }];
  }
  if (isMemory(type) && limits.memory) {
    const message = `the build directory ${path} is in memory, of which this session may have ${bytesText(limits.memory.bytes)} in all`;
    return [{ severity: "warning", message, hint }];
  }
  return [];
}

/** What the place of the prefix means for what is built. Pure. */
export function prefixAdvice(path: string, { type, noexec }: FileSystem): Advice[] {
  if (noexec) {
    const message = `the prefix ${path} is on a file system from which no command can be started (noexec)`;
    return [{ severity: "refuse", message, hint: "Choose another directory with --prefix." }];
  }
  if (!isMemory(type)) return [];
  const message = `the prefix ${path} is in memory (${type}): it is gone when this host restarts, and other hosts do not see it`;
  return [{ severity: "warning", message, hint: "Choose another directory with --prefix to keep it." }];
}

/** What a clock that differs means. Pure. @param seconds by how much the other clock is ahead */
export function clockAdvice(seconds: number | undefined, whose: string): Advice[] {
  if (seconds === undefined || Math.abs(seconds) < CLOCK_SECONDS) return [];
  const by = `${Math.round(Math.abs(seconds))} s`;
  const message = `the clock of ${whose} is ${by} ${seconds > 0 ? "ahead of" : "behind"} this host's`;
  return [
    {
      severity: "warning",
      message,
      hint: "Builds that compare times (make) may go wrong; tell the administrator.",
    },
  ];
}

/** What directories that do not answer mean: a launcher would look at them at each start. Pure. */
export function hangingAdvice(hanging: readonly string[], excluded: readonly string[]): Advice[] {
  const names = excluded.map((path) => `/${path.replace(/^\/+|\/+$/g, "")}`);
  const found = hanging.map((name) => `/${name}`).filter((path) => !names.includes(path));
  if (found.length === 0) return [];
  const all = [...names.filter((name) => name !== "/"), ...found];
  return [
    {
      severity: "refuse",
      message: `${found.join(", ")} ${found.length === 1 ? "does" : "do"} not answer within two seconds (a file server that is down?), and every launcher would wait for it`,
      hint: `Try again when it answers; to do without, put this into the configuration (CW_GLOBAL_YAML or -y): excluded_mount_points: [${all.join(", ")}]`,
    },
  ];
}
