/** Directories as the tests of updating, converting and wrapping compare and keep them. */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./builds.ts";
import { typeWell } from "./compat-place.ts";

/** Every path below a directory, relative, with its mode and what it holds: a hash, or where a link leads. */
export function contents(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  const add = (path: string, name: string): void => {
    const info = lstatSync(path);
    const mode = (info.mode & 0o7777).toString(8);
    if (info.isSymbolicLink()) found.set(name, `-> ${readlinkSync(path)}`);
    else if (info.isFile()) {
      found.set(name, `${mode} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`);
    } else {
      found.set(name, `${mode} ${info.isDirectory() ? "directory" : "special"}`);
      if (!info.isDirectory()) return;
      for (const entry of readdirSync(path)) add(join(path, entry), name === "" ? entry : `${name}/${entry}`);
    }
  };
  add(directory, "");
  return found;
}

let kept = 0;

/** Keeps a directory of a place as it is now. @returns what puts it back, at the same path. */
export function keep(place: Place, name: string): () => void {
  kept += 1;
  const copy = join(place.directory, `kept-${kept}`);
  const path = join(place.directory, name);
  typeWell(place, ["cp", "-a", path, copy]);
  return () => {
    typeWell(place, ["rm", "-rf", path]);
    typeWell(place, ["cp", "-a", copy, path]);
  };
}

/** Replaces a prefix by the files of its image: the environment as if an installer had just made it there. */
export function unpackInPlace(place: Place, prefix: string): void {
  const tree = `${prefix}-unpacked`;
  typeWell(place, ["unsquashfs", "-no-progress", "-dest", tree, join(prefix, "current/env.sqfs")]);
  typeWell(place, ["rm", "-rf", prefix, join(tree, ".kapseli")]);
  typeWell(place, ["mv", tree, prefix]);
}

/** How many inodes a directory takes, itself included. */
export function inodes(place: Place, directory: string): number {
  const listed = typeWell(place, ["find", directory, "-printf", "%i\\n"]).stdout;
  return new Set(listed.trim().split("\n")).size;
}
