import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

/** One line of /proc/self/mountinfo (man 5 proc). */
export interface Mounted {
  /** `major:minor` of the file system. */
  device: string;
  /** What of the file system is mounted: a path in it. */
  root: string;
  /** Where. */
  path: string;
  type: string;
}

/** Reads a mountinfo; blanks in names are written as octal numbers there. */
export function parseMounts(text: string): Mounted[] {
  const plain = (word: string): string =>
    word.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return text.split("\n").flatMap((line) => {
    const words = line.split(" ");
    const type = words[words.indexOf("-", 6) + 1];
    const [, , device, root, path] = words;
    if (!device || !root || !path || !type) return [];
    return [{ device, root: plain(root), path: plain(path), type }];
  });
}

/** The mounts that this process sees; none where there is no /proc. */
export function ownMounts(): Mounted[] {
  try {
    return parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
  } catch {
    return [];
  }
}

/** Whether a path is a directory, or below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

/** The mount that a path is in: of those at the same place the last one counts. */
export function mountOf(path: string, mounts: readonly Mounted[]): Mounted | undefined {
  let found: Mounted | undefined;
  for (const mount of mounts) {
    if (isWithin(path, mount.path) && mount.path.length >= (found?.path.length ?? 0)) found = mount;
  }
  return found;
}

/** File systems that the kernel answers for itself. */
const LOCAL = /^(?:ext[234]|xfs|btrfs|zfs|f2fs|tmpfs|ramfs|overlay|squashfs|iso9660|vfat|rootfs)$/;
/** What is no place for files. */
const PSEUDO =
  /^(?:proc|sysfs|cgroup2?|devpts|devtmpfs|mqueue|debugfs|tracefs|securityfs|configfs|bpf|pstore|efivarfs|binfmt_misc|hugetlbfs|rpc_pipefs|nsfs|selinuxfs|fusectl)$/;
const ANSWER_MS = 2_000;

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
