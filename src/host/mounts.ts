import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { type Mounted, mountOf, parseMountinfo } from "../tools/mountinfo.ts";

/** The mounts that this process sees; none where there is no /proc. */
export function ownMounts(): Mounted[] {
  try {
    return parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
  } catch {
    return [];
  }
}

/** File systems that the kernel answers for itself. */
const LOCAL = /^(?:ext[234]|xfs|btrfs|zfs|f2fs|tmpfs|ramfs|overlay|squashfs|iso9660|vfat|rootfs)$/;
/** What is no place for files. */
const PSEUDO =
  /^(?:proc|sysfs|cgroup2?|devpts|devtmpfs|mqueue|debugfs|tracefs|securityfs|configfs|bpf|pstore|efivarfs|binfmt_misc|hugetlbfs|rpc_pipefs|nsfs|selinuxfs|fusectl)$/;
const ANSWER_MS = 2_000;

/** Whether a file system has no server that could be gone. */
export function answersItself({ type }: Mounted): boolean {
  return LOCAL.test(type) || PSEUDO.test(type);
}

/** Has a process look at a directory; of a server that is gone even that one does not come back. */
function answers(directory: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn("/bin/ls", ["-dn", "--", `${directory}/.`], { stdio: "ignore", detached: true });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      // It may not even heed that; nobody waits for it.
      child.unref();
      resolve(false);
    }, ANSWER_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    child.on("exit", done);
    child.on("error", done);
  });
}

/** Why a directory is not to be looked into. */
export type Shut = "pseudo" | "silent";

/**
 * Tells of directories whether they can be looked into without hanging: each file system is tried once.
 *
 * @param tryPlace whether a directory answers, in a process of its own
 */
export function fileSystemGate(
  mounts: readonly Mounted[] = ownMounts(),
  tryPlace: (directory: string) => Promise<boolean> = answers,
): (directory: string) => Promise<Shut | undefined> {
  const tried = new Map<string, Promise<boolean>>();
  return async (directory) => {
    const mount = mountOf(directory, mounts);
    if (!mount || LOCAL.test(mount.type)) return undefined;
    if (PSEUDO.test(mount.type)) return "pseudo";
    // Below an automounter's directory every name is a file system of its own.
    const place = mount.type === "autofs" ? directory : mount.path;
    const trial = tried.get(place) ?? tryPlace(place);
    tried.set(place, trial);
    return (await trial) ? undefined : "silent";
  };
}
