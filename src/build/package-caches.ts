import { isWritable, makeDirectories, readFile, stat } from "../host/files.ts";
import { condarcPaths, packageDirectories } from "../tools/condarc.ts";
import type { BuildContext } from "./context.ts";

/**
 * The package caches that the user's own conda settings name, where CW_ENABLE_CONDARC asks for them. One that is
 * missing is made; one that cannot be is left out, as conda does.
 *
 * @returns absolute paths, the ones that can be written first; empty: the tool's own cache
 */
export async function userPackageCaches(facts: BuildContext["facts"]): Promise<string[]> {
  const { environment, home } = facts;
  if (environment.CW_ENABLE_CONDARC === undefined) return [];
  const texts = condarcPaths(environment, home).map((path) => readFile(path, "utf8").catch(() => ""));
  const named = packageDirectories(environment, home, await Promise.all(texts));
  const writable: string[] = [];
  const readable: string[] = [];
  for (const path of named) {
    await makeDirectories(path).catch(() => undefined);
    if (!(await stat(path).catch(() => undefined))?.isDirectory()) continue;
    if (await isWritable(path)) writable.push(path);
    else readable.push(path);
  }
  // Packages have to go somewhere: without a place for them, ours is used.
  return writable.length === 0 ? [] : [...writable, ...readable];
}
