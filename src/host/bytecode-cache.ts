import { join } from "node:path";
import { copyFile, lstat, makeDirectories, readdir, rename, rm } from "./files.ts";
import { inOwnDirectory } from "./work-directory.ts";

/** As templates/run_compileall.py names what it makes: what it was compiled by, and a number of its own. */
const NAME = /^[0-9a-f]{16}-[0-9a-f]{16}$/;

/** The environments of some projects; a large one with its Python is 100 to 200 MB. */
const MAX_BYTES = 2 ** 30;
const MAX_FILES = 64;

interface Kept {
  path: string;
  bytes: number;
  /** Milliseconds since 1970. */
  used: number;
}

/** Which files go so that the rest is within the limits: what was not used for longest. Pure. */
export function toForget(files: readonly Kept[], limits = { bytes: MAX_BYTES, files: MAX_FILES }): Kept[] {
  let bytes = 0;
  return [...files]
    .sort((one, other) => other.used - one.used)
    .filter((file, index) => {
      bytes += file.bytes;
      return index >= limits.files || bytes > limits.bytes;
    });
}

/**
 * Keeps what a build compiled for the builds after it. It is there at once and whole; what was not used for longest
 * goes, so that the cache stays within 1 GiB and 64 files.
 *
 * @param made the directory in which templates/run_compileall.py put it
 * @param cache the directory of the cache for it; made where it is missing
 * @throws what the file system says, where it cannot be kept.
 */
export async function keepBytecode(made: string, cache: string): Promise<void> {
  const names = (await readdir(made)).filter((name) => NAME.test(name));
  if (names.length === 0) return;
  await makeDirectories(cache, 0o700);
  await inOwnDirectory(cache, async (own) => {
    for (const name of names) {
      await copyFile(join(made, name), join(own, name));
      await rename(join(own, name), join(cache, name));
    }
  });
  const files: Kept[] = [];
  for (const name of (await readdir(cache)).filter((name) => NAME.test(name))) {
    const path = join(cache, name);
    const info = await lstat(path).catch(() => undefined);
    if (info?.isFile()) files.push({ path, bytes: info.size, used: info.mtimeMs });
  }
  for (const { path } of toForget(files)) await rm(path, { force: true });
}
