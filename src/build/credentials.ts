import { join } from "node:path";
import { exists, readdir, readFile, writeFile } from "../host/files.ts";
import { withoutCredentials } from "../tools/redact.ts";

/**
 * Takes credentials out of what the installer recorded in the environment: conda's records hold the address of each
 * package's channel as it was asked for, and the image may be given to others.
 */
export async function removeCredentials(tree: string): Promise<void> {
  const directory = join(tree, "conda-meta");
  if (!(await exists(directory))) return;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(directory, entry.name);
    const text = await readFile(path, "utf8");
    const clean = withoutCredentials(text);
    if (clean !== text) await writeFile(path, clean);
  }
}
