/** A process, as far as what it leaves behind is judged by it. */
export interface ListedProcess {
  pid: number;
  parent: number;
  /** The program's name, at most 15 bytes (man 5 proc, /proc/PID/comm). */
  name: string;
  uid: number;
  /** `mnt:[N]` and `user:[N]`; undefined where they may not be looked at. */
  mountNamespace: string | undefined;
  userNamespace: string | undefined;
  /** For how many seconds it has been running. */
  seconds: number;
}

/** What serves an image to a container. */
export const SERVERS: ReadonlySet<string> = new Set(["squashfuse_ll", "squashfuse"]);
/** A container that is just being started has its server before it has anything else. */
const YOUNG_SECONDS = 10;
/** What starts containers and waits for their end. */
const RUNTIME = /^(?:starter(?:-suid)?|apptainer|singularity)/;

/**
 * The FUSE servers of a user whose container is gone: after a kill -9 of the runtime nobody ends them. Each is alone
 * in a mount namespace that is not ours; one that somebody mounted by hand, or that a process still looks through, is
 * none of them. Pure.
 *
 * @param own the caller's own process
 */
export function orphanedServers(
  processes: readonly ListedProcess[],
  own: Pick<ListedProcess, "uid" | "mountNamespace" | "userNamespace">,
): ListedProcess[] {
  const byPid = new Map(processes.map((one) => [one.pid, one]));
  const others = processes.filter(({ name }) => !SERVERS.has(name));
  return processes.filter((one) => {
    const { name, uid, mountNamespace, userNamespace, seconds } = one;
    if (!SERVERS.has(name) || uid !== own.uid || seconds < YOUNG_SECONDS) return false;
    if (mountNamespace === undefined || mountNamespace === own.mountNamespace) return false;
    if (RUNTIME.test(byPid.get(one.parent)?.name ?? "")) return false;
    const isShared = (other: ListedProcess): boolean =>
      other.mountNamespace === mountNamespace ||
      (userNamespace !== undefined &&
        userNamespace !== own.userNamespace &&
        other.userNamespace === userNamespace);
    return !others.some(isShared);
  });
}
