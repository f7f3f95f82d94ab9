import { readdirSync, readFileSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

const PATIENCE_MS = 2_000;
const POLL_MS = 20;

/** The processes of a user whose TMPDIR is in a directory. */
function usersOf(directory: string, uid: number): number[] {
  // /proc gives bytes.
  const beginning = Buffer.from(`TMPDIR=${directory}/`, "utf8").toString("latin1");
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (statSync(`/proc/${pid}`).uid !== uid) return [];
      const variables = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
      return variables.some((entry) => entry.startsWith(beginning)) ? [Number(pid)] : [];
    } catch {
      // Ended meanwhile, or not to be looked at.
      return [];
    }
  });
}

/**
 * Ends what a build that was killed left running: everything that a build starts has a TMPDIR in its work directory,
 * and nothing else has, because the directory's name is random.
 *
 * @param directory absolute: the work directory of a build that is gone
 */
export async function endOrphans(directory: string, uid: number): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const deadline = Date.now() + PATIENCE_MS;
    for (let left = usersOf(directory, uid); left.length > 0; left = usersOf(directory, uid)) {
      for (const pid of left) {
        try {
          process.kill(pid, signal);
        } catch {
          // It has ended meanwhile.
        }
      }
      if (Date.now() > deadline) break;
      await setTimeout(POLL_MS);
    }
  }
}
