/** Small file systems that only root can make, and what fills them. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestUser } from "../support/real.ts";

export interface Disk {
  path: string;
  /** Takes what is left of it, until `release`. */
  fill(): void;
  release(): void;
  [Symbol.dispose](): void;
}

function must(...argv: [string, ...string[]]): string {
  const [file, ...args] = argv;
  const ran = spawnSync(file, args, { encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`${argv.join(" ")}: ${ran.error?.message ?? ran.stderr}`);
  return ran.stdout;
}

/** A build begins only where this much is free, and with room for its files. */
const ROOM = "700m";
const INODES = 9_000;

const give = (path: string, user: TestUser): void => {
  chownSync(path, user.uid, user.gid);
  chmodSync(path, 0o700);
};

function unmounting(path: string, ballast: string, fill: () => void): Disk {
  const release = (): void => rmSync(ballast, { recursive: true, force: true });
  return {
    path,
    fill,
    release,
    [Symbol.dispose]: () => {
      // What a failed test left running holds it.
      must("umount", "-l", path);
    },
  };
}

/** In memory; `fill` leaves no byte. */
export function smallDisk(path: string, user: TestUser): Disk {
  mkdirSync(path, { recursive: true });
  must("mount", "-t", "tmpfs", "-o", `size=${ROOM}`, "kapseli-faults", path);
  give(path, user);
  const ballast = join(path, ".ballast");
  return unmounting(path, ballast, () => {
    mkdirSync(ballast);
    // What is free changes while a build writes.
    for (let number = 0; number < 50; number++) {
      const { bavail, bsize } = statfsSync(path);
      if (bavail === 0) return;
      spawnSync("fallocate", ["-l", String(bavail * bsize), join(ballast, String(number))]);
    }
  });
}

/** In memory; `fill` leaves no inode. */
export function fewInodes(path: string, user: TestUser): Disk {
  mkdirSync(path, { recursive: true });
  must("mount", "-t", "tmpfs", "-o", `size=${ROOM},nr_inodes=${INODES}`, "kapseli-faults", path);
  give(path, user);
  const ballast = join(path, ".ballast");
  return unmounting(path, ballast, () => {
    mkdirSync(ballast);
    try {
      for (let number = 0; number < INODES; number++) writeFileSync(join(ballast, String(number)), "");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  });
}

/** A Btrfs in a file, with a quota of what is there; `fill` sets it. Undefined where there is no Btrfs. */
export function quotaDisk(path: string, user: TestUser): Disk | undefined {
  const file = `${path}.img`;
  try {
    mkdirSync(path, { recursive: true });
    must("truncate", "-s", "1200M", file);
    must("mkfs.btrfs", "-q", "-f", file);
    must("mount", "-o", "loop", file, path);
  } catch {
    rmSync(file, { force: true });
    return undefined;
  }
  must("btrfs", "quota", "enable", path);
  give(path, user);
  const disk = unmounting(path, join(path, ".ballast"), () => {
    must("sync", "-f", path);
    must("btrfs", "qgroup", "limit", "64K", path);
  });
  return {
    ...disk,
    // A limit that is exceeded may not even be changed.
    release: () => void must("btrfs", "quota", "disable", path),
    [Symbol.dispose]: () => {
      disk[Symbol.dispose]();
      rmSync(file, { force: true });
    },
  };
}
