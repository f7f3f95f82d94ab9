import { execFileSync } from "node:child_process";
import { mkdir, open, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseSuperblock } from "../../../src/squashfs/superblock.ts";
import { lookAtArgv, parseLook } from "../../../src/tools/look-at.ts";
import { mountOf, parseMountinfo } from "../../../src/tools/mountinfo.ts";
import { memoryLimit, memoryLimitFiles, parseLimits } from "../../../src/tools/proc-limits.ts";
import { type ListedProcess, orphanedServers } from "../../../src/tools/process-table.ts";
import {
  directiveProblems,
  parseBuildConfiguration,
  parseCompressors,
  parsePipIndex,
} from "../../../src/tools/runtime-conf.ts";
import { scratch } from "../../support/programs.ts";

describe("mounts", () => {
  const MOUNTS = parseMountinfo(
    [
      "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
      "30 22 0:25 / /tmp rw,nosuid,noexec shared:5 - tmpfs tmpfs rw",
      "31 22 0:26 /x /scratch/my\\040dir ro - lustre mgs:/fs rw",
      "not a mount",
    ].join("\n"),
  );
  it.each([
    ["/home/u", "ext4", []],
    ["/tmp/a", "tmpfs", ["noexec"]],
    ["/tmpfile", "ext4", []],
    ["/scratch/my dir/p", "lustre", ["ro"]],
  ])("%s is on %s", (path, type, has) => {
    const mount = mountOf(path, MOUNTS);
    expect(mount?.type).toBe(type);
    for (const option of has) expect(mount?.options).toContain(option);
  });
});

describe("limits of a process", () => {
  it("are the soft ones, where there are any", () => {
    const text = [
      "Limit                     Soft Limit           Hard Limit           Units",
      "Max cpu time              600                  unlimited            seconds",
      "Max file size             unlimited            unlimited            bytes",
      "Max processes             95000                95000                processes",
    ].join("\n");
    expect(parseLimits(text)).toMatchObject({ cpuSeconds: 600, fileSize: undefined, processes: 95_000 });
  });

  it("of memory are those of its control groups and of the groups above, in either version", () => {
    expect(memoryLimitFiles("0::/user.slice/u.scope\n")).toEqual([
      "/sys/fs/cgroup/user.slice/u.scope/memory.max",
      "/sys/fs/cgroup/user.slice/memory.max",
      "/sys/fs/cgroup/memory.max",
    ]);
    expect(memoryLimitFiles("5:cpu:/a\n4:hugetlb,memory:/slurm/job\n")).toEqual([
      "/sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes",
      "/sys/fs/cgroup/memory/slurm/memory.limit_in_bytes",
      "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ]);
  });

  it.each([
    ["max\n", undefined],
    ["2147483648\n", 2_147_483_648],
    ["9223372036854771712\n", undefined],
    ["", undefined],
  ])("%j is %s", (text, bytes) => expect(memoryLimit(text)).toBe(bytes));
});

describe("servers of images whose container is gone", () => {
  const own = { uid: 1000, mountNamespace: "mnt:[1]", userNamespace: "user:[1]" };
  const server: ListedProcess = {
    pid: 10,
    parent: 1,
    name: "squashfuse_ll",
    uid: 1000,
    mountNamespace: "mnt:[7]",
    userNamespace: "user:[7]",
    seconds: 100,
  };
  const shell: ListedProcess = { ...server, ...own, pid: 1, parent: 0, name: "systemd" };
  const found = (...processes: ListedProcess[]) =>
    orphanedServers([shell, ...processes], own).map(({ pid }) => pid);

  it("are alone in a namespace", () => expect(found(server)).toEqual([10]));

  it.each<[string, ListedProcess[]]>([
    ["of another user", [{ ...server, uid: 1001 }]],
    ["that somebody mounted by hand, beside us", [{ ...server, mountNamespace: "mnt:[1]" }]],
    ["that cannot be looked at", [{ ...server, mountNamespace: undefined }]],
    ["that has just been started", [{ ...server, seconds: 2 }]],
    ["of another program", [{ ...server, name: "sshfs" }]],
    ["whose program runs", [server, { ...server, pid: 11, name: "python3", mountNamespace: "mnt:[8]" }]],
    [
      "whose mounts somebody looks through",
      [server, { ...server, pid: 11, name: "bash", userNamespace: "user:[9]" }],
    ],
    [
      "whose runtime waits",
      [
        { ...server, parent: 9 },
        { ...shell, pid: 9, name: "starter" },
      ],
    ],
  ])("are none %s", (_what, processes) => expect(found(...processes)).toEqual([]));

  it("do not keep each other", () => expect(found(server, { ...server, pid: 12 })).toEqual([10, 12]));
});

describe("a runtime's configuration", () => {
  it("is found by what it says of its build", () => {
    expect(
      parseBuildConfiguration("LIBEXECDIR=/usr/libexec\nAPPTAINER_CONF_FILE=/etc/apptainer/apptainer.conf\n"),
    ).toEqual({
      file: "/etc/apptainer/apptainer.conf",
      helpers: ["/usr/libexec/apptainer", "/usr/libexec/singularity"],
    });
    expect(parseBuildConfiguration("nothing").file).toBeUndefined();
  });

  it("tells what is off, not what a comment or another value says", () => {
    const text = "# allow container dir = no\nallow container squashfs = yes\nuser bind control =no\n";
    expect(directiveProblems(text).map(({ directive }) => directive)).toEqual(["user bind control"]);
  });
});

describe("what tools say of themselves", () => {
  it("compressors are the names below their heading", () => {
    const help =
      "-comp <comp>\n\t\t\tCompressors available:\n\t\t\t\tgzip (default)\n\t\t\t\tzstd\n-b <size>\n\t\txz\n";
    expect(parseCompressors(help)).toEqual(["gzip", "zstd"]);
    const older =
      "Compressors available and compressor specific options:\n\tgzip (default)\n\t  -Xcompression-level <n>\n\tlz4\n\t  -Xhc\n";
    expect(parseCompressors(older)).toEqual(["gzip", "lz4"]);
  });

  it("pip's index is that of the variable, else of the command, else of all commands", () => {
    expect(parsePipIndex("global.index-url='https://a/'\n")).toBe("https://a/");
    expect(parsePipIndex("global.index-url='https://a/'\n:env:.index-url='https://b/'\n")).toBe("https://b/");
    expect(parsePipIndex("global.timeout='60'\n")).toBeUndefined();
  });
});

describe("looking at directories", () => {
  it("tells those that can be entered from those that cannot, and from one that hangs", async () => {
    const at = await scratch();
    await mkdir(join(at, "it's $(odd)"));
    await writeFile(join(at, "file"), "");
    await symlink("it's $(odd)", join(at, "link"));
    const paths = ["it's $(odd)", "file", "link", "missing"].map((name) => join(at, name));
    const [file, ...args] = lookAtArgv(paths);
    const printed = execFileSync(file, args, { encoding: "utf8" });
    expect(parseLook(paths, printed)).toEqual(["yes", "no", "yes", "no"]);
    // What was not answered is what hangs.
    expect(parseLook(["/a", "/b"], "2 yes\n")).toEqual(["hangs", "yes"]);
  });
});

describe("an image's own length", () => {
  it("is in its first block", async () => {
    const at = await scratch();
    await writeFile(join(at, "file"), Buffer.alloc(100_000, "x"));
    const image = join(at, "image");
    execFileSync("mksquashfs", [join(at, "file"), image, "-no-progress", "-quiet"]);
    const bytes = await readFile(image);
    const least = parseSuperblock(bytes.subarray(0, 96))?.size ?? Number.POSITIVE_INFINITY;
    expect(least).toBeLessThanOrEqual(bytes.length);
    expect(least).toBeGreaterThan(bytes.length - 4096);
    expect(parseSuperblock(bytes.subarray(0, 50))?.size).toBeUndefined();
    const file = await open(join(at, "file"));
    const { buffer } = await file.read(Buffer.alloc(96), 0, 96, 0);
    await file.close();
    expect(parseSuperblock(buffer)?.size).toBeUndefined();
  });
});
