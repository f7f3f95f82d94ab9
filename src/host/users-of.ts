import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isWithin, mountOf, parseMountinfo } from "../tools/mountinfo.ts";
import { ownMounts } from "./mounts.ts";
import { processIds } from "./proc-stat.ts";

/** A process that uses files of a directory. */
export interface UserProcess {
  /** 0 where only the kernel says so. */
  pid: number;
  /** Its command line, as it shows it; empty where it shows none. */
  command: string;
  /** The directory, as it was asked for. */
  directory: string;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function textAt(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** What a process has open. Of other users' processes the kernel does not say. */
function openFiles(pid: number): string[] {
  return namesIn(`/proc/${pid}/fd`).flatMap((name) => linkTarget(`/proc/${pid}/fd/${name}`) ?? []);
}

/** Files that a FUSE server names on its command line. */
function servedFiles(words: readonly string[]): string[] {
  return /fuse/.test(words[0] ?? "") ? words.slice(1) : [];
}

/** A directory, and where it is in its file system: by that another mount namespace names it. */
interface Place {
  directory: string;
  device: string;
  path: string;
}

function placesOf(directories: readonly string[]): Place[] {
  const mounts = ownMounts();
  return directories.flatMap((directory) => {
    const mount = mountOf(directory, mounts);
    if (!mount) return [];
    const below = directory.slice(mount.path === "/" ? 0 : mount.path.length);
    const path = `${mount.root === "/" ? "" : mount.root}${below}` || "/";
    return [{ directory, device: mount.device, path }];
  });
}

/** The directories of which something is mounted where a process is. */
function mountedPlaces(pid: number, places: readonly Place[]): string[] {
  const text = textAt(`/proc/${pid}/mountinfo`);
  const near = places.filter(({ path }) => text.includes(path.replaceAll(" ", "\\040")));
  if (near.length === 0) return [];
  const mounts = parseMountinfo(text);
  return near
    .filter((place) =>
      mounts.some(({ device, root }) => device === place.device && isWithin(root, place.path)),
    )
    .map(({ directory }) => directory);
}

/** The images of loop devices: a runtime with root's rights mounts by them, for whichever user. */
function loopFiles(): string[] {
  return namesIn("/sys/block")
    .filter((name) => name.startsWith("loop"))
    .map((name) => textAt(`/sys/block/${name}/loop/backing_file`).replace(/\n$/, ""))
    .filter((file) => file !== "");
}

/**
 * The processes on this host that use files in directories: that have one open, are in a container in which one of
 * them is mounted, or serve one as a file system. Of other users' processes only the mounts are seen; what runs on
 * other hosts is not seen at all.
 *
 * @param directories physical absolute paths
 */
export function usersOf(directories: readonly string[]): UserProcess[] {
  const within = (files: readonly string[]): string[] =>
    directories.filter((directory) => files.some((file) => isWithin(file, directory)));
  const places = placesOf(directories);
  const found = processIds()
    .filter((pid) => pid !== process.pid)
    .flatMap((pid): UserProcess[] => {
      const words = textAt(`/proc/${pid}/cmdline`).split("\0");
      const used = new Set([
        ...within([...openFiles(pid), ...servedFiles(words)]),
        ...mountedPlaces(pid, places),
      ]);
      const command = words.join(" ").trim();
      return [...used].map((directory) => ({ pid, command, directory }));
    });
  const seen = new Set(found.map(({ directory }) => directory));
  const mounted = within(loopFiles()).filter((directory) => !seen.has(directory));
  return [...found, ...mounted.map((directory) => ({ pid: 0, command: "a loop device", directory }))];
}
