import { createHash } from "node:crypto";
import { dirname, join, relative } from "node:path";
import { readdir, readFile, readlink, replaceLink, rm } from "../host/files.ts";
import { OpenedDirectories, readIfHolding, rewriteFile } from "../host/rewrite.ts";
import { relocateSearchPath } from "../prefix/elf-search-path.ts";
import {
  holdsPath,
  isByteCodeOf,
  isLeft,
  type Move,
  packagedFiles,
  type RecordedFile,
  type RelocatedBinary,
  recordedFiles,
  recordWithHashes,
  refuseTooLong,
  relocateBinary,
  relocatePath,
  relocateText,
  treatment,
} from "../prefix/relocation.ts";
import type { BuildContext } from "./context.ts";

/** What a relocation did. */
export interface Relocated {
  /** Files that were rewritten, and how many of them are binary. */
  files: number;
  binaries: number;
  /** Links that lead elsewhere now. */
  links: number;
  /** Compiled Python files that were removed because their source is another now. */
  byteCode: number;
  /** Files (relative to the prefix) that still hold the old path: binary, and in no package's record. */
  left: string[];
}

/** How many files are looked at at a time: Node's file operations run on four threads. */
const AT_A_TIME = 8;

const sha256Of = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Files and links below a directory; links are not followed. */
async function* entriesBelow(directory: string): AsyncGenerator<{ path: string; link: boolean }> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* entriesBelow(path);
    else if (entry.isFile() || entry.isSymbolicLink()) yield { path, link: entry.isSymbolicLink() };
  }
}

async function recordsOf(tree: string): Promise<string[]> {
  const directory = join(tree, "conda-meta");
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) => join(directory, entry.name));
}

/** A binary file that is in no package's record: where it searches for libraries is all that is known of it. */
function relocateUnrecorded(bytes: Buffer, move: Move): RelocatedBinary {
  const changed = relocateSearchPath(bytes, move);
  return { bytes: changed, left: holdsPath(changed ?? bytes, move.from) ? 1 : 0 };
}

/** Removes what Python compiled from a source that was rewritten, however it would check that it is current. */
async function removeByteCode(source: string, directories: OpenedDirectories): Promise<number> {
  const name = source.slice(source.lastIndexOf("/") + 1);
  let removed = 0;
  for (const directory of [dirname(source), join(dirname(source), "__pycache__")]) {
    const entries = await readdir(directory).catch(() => []);
    for (const entry of entries.filter((one) => isByteCodeOf(name, one))) {
      await directories.open(directory);
      await rm(join(directory, entry), { force: true });
      removed += 1;
    }
  }
  return removed;
}

/**
 * Rewrites an unpacked environment for another place: everything that holds its old path gets the new one. Conda
 * records in which files packages hold the prefix and how; all files that are not as a package has them are searched
 * for it, because scripts that run after an installation write it wherever they like. Says which files still hold the old path (a warning).
 *
 * @param tree the environment's files; only this tree is changed, also where its files have other names elsewhere
 * @param move the place it was made for and the one that it gets, absolute and without a final slash
 * @throws {KapseliError} `badInput`, before anything is changed, when programs have no room for the new path.
 */
export async function relocateTree(context: BuildContext, tree: string, move: Move): Promise<Relocated> {
  const done: Relocated = { files: 0, binaries: 0, links: 0, byteCode: 0, left: [] };
  if (move.from === move.to) return done;
  const directories = new OpenedDirectories();
  try {
    await rewriteTree(context, tree, move, done, directories);
  } finally {
    await directories.close();
  }
  done.left.sort();
  warnOfLeft(context, done.left, move);
  return done;
}

async function rewriteTree(
  context: BuildContext,
  tree: string,
  move: Move,
  done: Relocated,
  directories: OpenedDirectories,
): Promise<void> {
  const recorded = new Map<string, RecordedFile>();
  const records = await recordsOf(tree);
  const packaged = new Map<string, string>();
  for (const path of records) {
    const json = await readFile(path, "utf8");
    for (const file of recordedFiles(json)) recorded.set(file.path, file);
    for (const [file, hash] of packagedFiles(json)) packaged.set(file, hash);
  }
  refuseTooLong([...recorded.values()], move);

  const needle = Buffer.from(move.from, "utf8");
  const hashes = new Map<string, string>();
  const sources: string[] = [];
  const relocateFile = async (path: string): Promise<void> => {
    const name = relative(tree, path);
    if (isLeft(name)) return;
    const held = await readIfHolding(path, needle);
    if (held === undefined) return;
    if (held === "too large") {
      done.left.push(name);
      return;
    }
    const { bytes } = held;
    if (packaged.has(name) && packaged.get(name) === sha256Of(bytes)) return;
    const how = treatment(recorded.get(name), bytes.includes(0));
    const found =
      how === "text"
        ? { bytes: relocateText(bytes, move), left: 0 }
        : how === "binary"
          ? relocateBinary(bytes, move)
          : relocateUnrecorded(bytes, move);
    if (found.left > 0) done.left.push(name);
    if (found.bytes === undefined) return;
    await directories.open(dirname(path));
    await rewriteFile(path, found.bytes);
    done.files += 1;
    if (how !== "text") done.binaries += 1;
    if (name.endsWith(".py")) sources.push(path);
    if (recorded.has(name)) hashes.set(name, sha256Of(found.bytes));
  };
  const relocateLink = async (path: string): Promise<void> => {
    const target = await readlink(path);
    const now = relocatePath(target, move);
    if (now === target) return;
    await directories.open(dirname(path));
    await replaceLink(path, now);
    done.links += 1;
  };

  const entries = entriesBelow(tree);
  const worker = async (): Promise<void> => {
    for await (const { path, link } of { [Symbol.asyncIterator]: () => ({ next: () => entries.next() }) }) {
      context.signal.throwIfAborted();
      await (link ? relocateLink(path) : relocateFile(path));
    }
  };
  // Nothing may still write into the tree when this ends, also where it ends with an error.
  const ends = await Promise.allSettled(Array.from({ length: AT_A_TIME }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;

  for (const path of records) {
    const text = recordWithHashes(await readFile(path, "utf8"), hashes);
    if (text === undefined) continue;
    await directories.open(dirname(path));
    await rewriteFile(path, Buffer.from(text));
  }
  for (const path of sources) done.byteCode += await removeByteCode(path, directories);
}

function warnOfLeft(context: BuildContext, left: readonly string[], { from }: Move): void {
  if (left.length === 0) return;
  const shown = left.slice(0, 5).join(", ");
  const more = left.length > 5 ? ` and ${left.length - 5} more` : "";
  context.report({
    event: "warning",
    message: `${left.length} binary file${left.length === 1 ? " still holds" : "s still hold"} the old path ${from}: ${shown}${more}`,
    hint: "They were made after the installation and nothing says how to rewrite them; if they do not work, make them again.",
  });
}
