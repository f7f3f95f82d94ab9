import { describe, expect, it } from "vitest";
import type { FileSystem } from "../../../src/host/file-systems.ts";
import type { HostLimits } from "../../../src/host/host-limits.ts";
import {
  clockAdvice,
  hangingAdvice,
  limitAdvice,
  prefixAdvice,
  workAdvice,
} from "../../../src/plan/host-advice.ts";

const GIB = 1024 ** 3;
const NONE: HostLimits = {
  memory: undefined,
  totalMemory: 64 * GIB,
  addressSpace: undefined,
  fileSize: undefined,
  cpuSeconds: undefined,
  processes: undefined,
  openFiles: 1024,
};
const DISK: FileSystem = {
  type: "ext4",
  mountPoint: "/",
  noexec: false,
  readOnly: false,
  freeBytes: 9 * GIB,
  freeInodes: 1e6,
};
const severities = (advice: readonly { severity: string }[]) => advice.map(({ severity }) => severity);

describe("limits of a login node", () => {
  it("are no matter where there are none, or wide ones", () => {
    expect(limitAdvice(NONE)).toEqual([]);
    expect(limitAdvice({ ...NONE, memory: { bytes: 16 * GIB, file: "f" }, cpuSeconds: 86_400 })).toEqual([]);
  });

  it.each<[string, Partial<HostLimits>, RegExp]>([
    [
      "memory of the control group",
      { memory: { bytes: 2 * GIB, file: "/sys/fs/cgroup/u/memory.max" } },
      /2\.0 GiB of memory \(\/sys\/fs\/cgroup\/u\/memory\.max\)/,
    ],
    ["address space", { addressSpace: 4 * GIB }, /ulimit -v\) is limited to 4\.0 GiB/],
    ["the size of files", { fileSize: GIB }, /ulimit -f\) is limited to 1\.0 GiB/],
    ["the size of files, a small one", { fileSize: 1_024_000 }, /ulimit -f\) is limited to 1000 KiB/],
    ["the size of files, to some MiB", { fileSize: 1_700_000 }, /ulimit -f\) is limited to 1\.6 MiB/],
    ["the size of files, to nothing", { fileSize: 0 }, /ulimit -f\) is limited to 0 bytes/],
    ["processor time", { cpuSeconds: 600 }, /ulimit -t\) is limited to 600 s/],
    ["processes", { processes: 100 }, /ulimit -u\) is limited to 100/],
  ])("in %s are told, and that a compute node has others", (_what, limits, message) => {
    expect(limitAdvice({ ...NONE, ...limits })).toEqual([
      {
        severity: "warning",
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/compute node/),
      },
    ]);
  });
});

describe("file systems", () => {
  it("that are local disks need no word", () => {
    expect(workAdvice("/tmp", DISK, NONE)).toEqual([]);
    expect(prefixAdvice("/p", { ...DISK, type: "lustre" })).toEqual([]);
  });

  it.each(["lustre", "nfs4", "gpfs", "fuse.sshfs"])("%s is slow to build on", (type) => {
    expect(severities(workAdvice("/scratch", { ...DISK, type }, NONE))).toEqual(["warning"]);
  });

  it("in memory count as memory, where that is limited, and do not last", () => {
    const tmpfs = { ...DISK, type: "tmpfs" };
    expect(workAdvice("/tmp", tmpfs, NONE)).toEqual([]);
    expect(severities(workAdvice("/tmp", tmpfs, { ...NONE, memory: { bytes: 8 * GIB, file: "f" } }))).toEqual(
      ["warning"],
    );
    expect(severities(prefixAdvice("/dev/shm/p", tmpfs))).toEqual(["warning"]);
  });

  it("from which nothing can be started are refused", () => {
    expect(severities(workAdvice("/w", { ...DISK, noexec: true }, NONE))).toEqual(["refuse"]);
    expect(severities(prefixAdvice("/p", { ...DISK, noexec: true }))).toEqual(["refuse"]);
  });
});

describe("clocks", () => {
  it.each([
    [undefined, 0],
    [29, 0],
    [-29, 0],
    [31, 1],
    [-31, 1],
  ])("%s seconds apart: %s warnings", (seconds, count) => {
    expect(clockAdvice(seconds, "/p")).toHaveLength(count);
  });

  it("say who is ahead", () => {
    expect(clockAdvice(90, "the server")[0]?.message).toBe(
      "the clock of the server is 90 s ahead of this host's",
    );
    expect(clockAdvice(-90, "the server")[0]?.message).toMatch(/90 s behind/);
  });
});

describe("directories that hang", () => {
  it("are refused with the exclusion to set, which keeps those that are set", () => {
    expect(hangingAdvice(["scratch"], ["/old"])).toEqual([
      {
        severity: "refuse",
        message: expect.stringMatching(/^\/scratch does not answer within two seconds/),
        hint: expect.stringContaining("excluded_mount_points: [/old, /scratch]"),
      },
    ]);
  });

  it("are no matter where they are excluded", () => {
    expect(hangingAdvice(["scratch"], ["/scratch/"])).toEqual([]);
    expect(hangingAdvice([], [])).toEqual([]);
  });
});
