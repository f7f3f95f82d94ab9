/**
 * The programs that show an image as a tree that can be changed, without unpacking it. Every word is known to
 * util-linux 2.36 and newer (man 1 unshare, `--map-current-user` and `--keep-caps`); an older one refuses.
 */

/** A tree that is visible in mount namespaces of its own, to which these words lead. */
export interface OverlayAccess {
  /** Words before those of a program that is to see the tree at its own path. Its working directory is `/`. */
  enter: readonly [string, ...string[]];
  /** What the paths in those namespaces begin with for everybody else, e.g. `/proc/4711/root`. */
  outside: string;
}

/** Programs that a host may have; undefined where it lacks one. */
export interface OverlayPrograms {
  unshare: string;
  nsenter: string;
  squashfuseLl?: string | undefined;
  squashfuse?: string | undefined;
  fuseOverlayfs?: string | undefined;
}

/**
 * Starts the script in new namespaces. Everything in them ends when `unshare` or the script does, however it ends.
 *
 * @param script the file of templates/overlay.sh
 * @param image absolute
 * @param mark by which the script's answer is known
 */
export function overlayArgv(
  programs: OverlayPrograms,
  isRoot: boolean,
  script: string,
  image: string,
  mark: string,
): [string, ...string[]] {
  const { unshare, squashfuseLl = "", squashfuse = "", fuseOverlayfs = "" } = programs;
  return [
    unshare,
    ...(isRoot ? [] : ["--map-current-user", "--keep-caps"]),
    ...["--mount", "--pid", "--fork", "--kill-child"],
    ...["/bin/sh", script, image, squashfuseLl, squashfuse, fuseOverlayfs, mark],
  ];
}

/** How the tree of a running `unshare` is reached. */
export function overlayAccess(programs: OverlayPrograms, isRoot: boolean, pid: number): OverlayAccess {
  const users = isRoot ? [] : ["--user", "--preserve-credentials"];
  return {
    enter: [programs.nsenter, "--target", String(pid), "--mount", ...users, "--"],
    outside: `/proc/${pid}/root`,
  };
}
