import { readFileSync, statSync } from "node:fs";
import { processIds, startTime } from "./proc-stat.ts";
import { endProcess } from "./process-table.ts";

/** The processes of a user whose TMPDIR is in a directory. */
function usersOf(directory: string, uid: number): number[] {
  // /proc gives bytes.
  const beginning = Buffer.from(`TMPDIR=${directory}/`, "utf8").toString("latin1");
  return processIds().filter((pid) => {
    try {
      if (statSync(`/proc/${pid}`).uid !== uid) return false;
      const variables = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
      return variables.some((entry) => entry.startsWith(beginning));
    } catch {
      // Ended meanwhile, or not to be looked at.
      return false;
    }
  });
}

/** What is ended may have started others meanwhile. */
const ROUNDS = 3;

/**
 * Ends what a build that was killed left running: everything that a build starts has a TMPDIR in its work directory,
 * and nothing else has, because the directory's name is random.
 *
 * @param directory absolute: the work directory of a build that is gone
 */
export async function endOrphans(directory: string, uid: number): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const left = usersOf(directory, uid);
    if (left.length === 0) return;
    await Promise.all(left.map((pid) => endProcess(pid, startTime(pid))));
  }
}
