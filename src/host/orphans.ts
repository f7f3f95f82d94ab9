import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { SERVERS } from "../tools/process-table.ts";
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

/** The FUSE servers of a user that serve a file of a directory; its real path. */
function serversOf(directory: string, uid: number): number[] {
  return processIds().filter((pid) => {
    const at = `/proc/${pid}`;
    try {
      if (statSync(at).uid !== uid || !SERVERS.has(readFileSync(`${at}/comm`, "utf8").trim())) return false;
      return readdirSync(`${at}/fd`).some((fd) => readlinkSync(`${at}/fd/${fd}`).startsWith(`${directory}/`));
    } catch {
      return false;
    }
  });
}

/**
 * Ends what serves images of a directory that is to be removed: of a container whose runtime was killed (kill -9, or
 * for want of memory) nobody else does.
 */
export async function endServers(directory: string, uid: number): Promise<void> {
  const path = await realpath(directory).catch(() => undefined);
  if (path === undefined) return;
  await Promise.all(serversOf(path, uid).map((pid) => endProcess(pid, startTime(pid))));
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
    if (left.length === 0) break;
    await Promise.all(left.map((pid) => endProcess(pid, startTime(pid))));
  }
  await endServers(directory, uid);
}
