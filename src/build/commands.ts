import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { constants, lstat, readdir, readlink, stat } from "../host/files.ts";
import { OWN_COMMANDS } from "../prefix/launcher.ts";

/** Follows a link in the work tree as it would be followed inside. @returns false when it leads nowhere. */
async function leadsToProgram(tree: string, root: string, path: string, depth = 0): Promise<boolean> {
  const info = await lstat(path).catch(() => undefined);
  if (!info || depth > 40) return false;
  if (info.isSymbolicLink()) {
    const target = await readlink(path);
    if (!target.startsWith("/")) return leadsToProgram(tree, root, join(path, "..", target), depth + 1);
    if (target.startsWith(`${root}/`))
      return leadsToProgram(tree, root, join(tree, target.slice(root.length)), depth + 1);
    // Outside the environment: the base's own program, which the check tries.
    return true;
  }
  if (!info.isFile()) return false;
  return ((await stat(path)).mode & (constants.S_IXUSR | constants.S_IXGRP | constants.S_IXOTH)) !== 0;
}

/** Scripts that conda packages bring for their installation (conda documentation, "Link scripts"). */
const LINK_SCRIPT = /^\..+-(pre|post)-(link|unlink)\.sh$/;

/**
 * Finds the commands of an environment: every executable file and link in its `bin`, whatever its name.
 *
 * @throws {KapseliError} `checkOrPublishFailed` when there are none.
 */
export async function findCommands(tree: string, root: string): Promise<string[]> {
  const bin = join(tree, "bin");
  const names = (await readdir(bin).catch(() => [])).filter(
    (name) => !(OWN_COMMANDS as readonly string[]).includes(name) && !LINK_SCRIPT.test(name),
  );
  const commands: string[] = [];
  for (const name of names.sort()) {
    if (await leadsToProgram(tree, root, join(bin, name))) commands.push(name);
  }
  if (commands.length > 0) return commands;
  throw new KapseliError(
    ExitCode.checkOrPublishFailed,
    "what was installed has no commands (its bin is empty)",
    {
      hint: "An environment needs at least one program, for instance python.",
    },
  );
}
