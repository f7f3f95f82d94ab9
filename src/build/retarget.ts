import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Dirent, readdir, readFile } from "../host/files.ts";
import { readIfHolding, rewriteFile } from "../host/rewrite.ts";
import { recordedAnew } from "../prefix/wheel-record.ts";

async function entries(directory: string): Promise<Dirent[]> {
  return readdir(directory, { withFileTypes: true }).catch(() => []);
}

/**
 * Makes the commands of a venv that was filled at its tree's path those of the place that it is for: uv writes each
 * command's first line itself, and the hash of the command into its package's RECORD. No other file has the path.
 *
 * @param tree the venv's directory, an absolute path that occurs in no file by chance
 * @param root its place inside
 */
export async function retarget(tree: string, root: string): Promise<void> {
  const needle = Buffer.from(tree, "utf8");
  const changed = new Map<string, { sha256: Buffer; size: number }>();
  for (const entry of await entries(join(tree, "bin"))) {
    const path = join(tree, "bin", entry.name);
    const held = entry.isFile() ? await readIfHolding(path, needle) : undefined;
    if (held === undefined || held === "too large" || held.bytes.includes(0)) continue;
    // Bytes stay bytes.
    const text = held.bytes.toString("latin1");
    const bytes = Buffer.from(
      text.replaceAll(needle.toString("latin1"), () => Buffer.from(root, "utf8").toString("latin1")),
      "latin1",
    );
    await rewriteFile(path, bytes);
    changed.set(entry.name, { sha256: createHash("sha256").update(bytes).digest(), size: bytes.length });
  }
  if (changed.size === 0) return;
  for (const library of await entries(join(tree, "lib"))) {
    const packages = join(tree, "lib", library.name, "site-packages");
    for (const { name } of await entries(packages)) {
      if (!name.endsWith(".dist-info")) continue;
      const record = join(packages, name, "RECORD");
      const text = await readFile(record, "latin1").catch(() => "");
      const anew = recordedAnew(text, changed);
      if (anew !== undefined) await rewriteFile(record, Buffer.from(anew, "latin1"));
    }
  }
}
