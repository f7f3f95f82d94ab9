import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { DirectoryFacts } from "../prefix/placement.ts";

/** Looks at a directory that may become, or be, a prefix. */
export async function directoryFacts(path: string): Promise<DirectoryFacts> {
  let entries: string[];
  try {
    entries = await readdir(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return { path };
    if (code === "ENOTDIR") return { path, notDirectory: true };
    throw error;
  }
  const facts: DirectoryFacts = { path, entries };
  if (entries.includes("bin")) {
    const bin = join(path, "bin");
    if ((await lstat(bin)).isSymbolicLink()) facts.binTarget = await readlink(bin);
  }
  if (entries.includes("generations")) {
    const names = await readdir(join(path, "generations")).catch(() => []);
    facts.generations = names.filter((name) => /^[1-9][0-9]*$/.test(name)).map(Number);
  }
  return facts;
}
