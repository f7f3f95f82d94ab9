import { join } from "node:path";
import { exists, readdir, rename } from "../host/files.ts";
import { lockHolder } from "../host/lock.ts";
import { originalOf, placeInPlace, unwrappedOf } from "../prefix/placement.ts";
import type { Report } from "../report/events.ts";

/** Where a directory is that a command moved away, and what that command's lock lies in. */
function movedTo(directory: string): { from: string; lock: string }[] {
  const unwrapped = unwrappedOf(directory);
  return [
    // First what was in use: with it, the original beside it may be older.
    { from: unwrapped, lock: unwrapped },
    { from: originalOf(directory), lock: placeInPlace(directory).holder },
  ];
}

async function putOneBack(directory: string, report: Report): Promise<void> {
  if (await exists(directory)) return;
  for (const { from, lock } of movedTo(directory)) {
    if (!(await exists(from))) continue;
    // Who works on it is between the two renames, and does the other one in a moment.
    if (await lockHolder(lock)) return;
    await rename(from, directory);
    const message = `${directory} is back, which was ${from}: a command that moved it was stopped midway`;
    return report({ event: "warning", message });
  }
}

/**
 * Wrapping in place and giving back rename twice; what was killed in between leaves nothing under the directory's own
 * name. This puts back what was there.
 *
 * @param path absolute: the directory itself, or a project with environments
 */
export async function putBack(path: string, report: Report): Promise<void> {
  await putOneBack(path, report);
  const pixi = join(path, ".pixi", "envs");
  const names = await readdir(pixi).catch(() => []);
  const moved = names.flatMap((name) => {
    const [, wrapped, unwrapped] = /^(?:(.+)\.kapseli-original|\.(.+)\.kapseli-unwrapped)$/.exec(name) ?? [];
    return wrapped ?? unwrapped ?? [];
  });
  const environments = [join(path, ".venv"), ...moved.map((name) => join(pixi, name))];
  for (const directory of environments) await putOneBack(directory, report);
}
