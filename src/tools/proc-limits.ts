/** Soft limits of a process; undefined where there is none. */
export interface ProcessLimits {
  /** Bytes of address space (ulimit -v). */
  addressSpace: number | undefined;
  /** Bytes of one file (ulimit -f). */
  fileSize: number | undefined;
  /** Seconds of processor time (ulimit -t). */
  cpuSeconds: number | undefined;
  /** Processes and threads of the user (ulimit -u). */
  processes: number | undefined;
  openFiles: number | undefined;
}

/** Reads /proc/PID/limits (man 5 proc). */
export function parseLimits(text: string): ProcessLimits {
  const soft = (name: string): number | undefined => {
    const value = new RegExp(`^Max ${name}\\s+(\\d+)\\s`, "m").exec(text)?.[1];
    return value === undefined ? undefined : Number(value);
  };
  return {
    addressSpace: soft("address space"),
    fileSize: soft("file size"),
    cpuSeconds: soft("cpu time"),
    processes: soft("processes"),
    openFiles: soft("open files"),
  };
}

/**
 * The files that may limit the memory of a process, by its /proc/PID/cgroup: its own group's and those above, of
 * version 2 (`memory.max`) and 1 (`memory.limit_in_bytes`; kernel documentation, admin-guide/cgroup-v1/memory).
 */
export function memoryLimitFiles(cgroup: string): string[] {
  const files: string[] = [];
  const add = (root: string, path: string, name: string): void => {
    const parts = path.split("/").filter((part) => part !== "" && part !== "..");
    for (let count = parts.length; count >= 0; count--) {
      files.push([root, ...parts.slice(0, count), name].join("/"));
    }
  };
  for (const line of cgroup.split("\n")) {
    const [, id, controllers, path = ""] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    if (id === "0" && controllers === "") add("/sys/fs/cgroup", path, "memory.max");
    else if (controllers?.split(",").includes("memory")) {
      add("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
    }
  }
  return files;
}

/** Bytes in such a file; undefined for none (`max`, and in version 1 a number of pages that no host has). */
export function memoryLimit(text: string): number | undefined {
  const value = Number(text.trim());
  return text.trim() === "" || !Number.isFinite(value) || value >= 2 ** 60 ? undefined : value;
}
