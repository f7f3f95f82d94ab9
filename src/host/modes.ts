import { chmod, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** Makes a tree readable for everybody (`chmod -R a+rX`); links are left alone. */
export async function openModes(path: string): Promise<void> {
  const info = await lstat(path);
  if (info.isSymbolicLink()) return;
  const mode = info.mode & 0o7777;
  const wanted = mode | 0o444 | (info.isDirectory() || (mode & 0o111) !== 0 ? 0o111 : 0);
  if (wanted !== mode) await chmod(path, wanted);
  if (!info.isDirectory()) return;
  for (const name of await readdir(path)) await openModes(join(path, name));
}
