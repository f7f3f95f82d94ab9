import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type Findings, megabytes } from "./results.ts";
import { answer, type Setting } from "./setting.ts";
import type { Environment } from "./start.ts";

const INODE_LIMIT = 30;

/** Everything below a directory and itself, links not followed. */
function walk(directory: string): string[] {
  const below = readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
  return [directory, ...below];
}

/** Images against their trees, and what a prefix takes. */
export function measureSizes(setting: Setting, environments: readonly Environment[]): Findings {
  const sizes = environments.map(({ kind, build, tree }) => {
    const prefix = walk(build.prefix);
    const image = join(build.prefix, "current", "env.sqfs");
    return {
      kind,
      /** Bytes. */
      tree: Number(answer(setting, ["du", "-sb", tree]).split("\t")[0]),
      files: walk(tree).length,
      image: lstatSync(image).size,
      names: prefix.length,
      inodes: new Set(prefix.map((path) => lstatSync(path).ino)).size,
      commands: readdirSync(join(build.prefix, "bin")).length,
    };
  });
  return {
    title: "Sizes",
    tables: [
      {
        caption: "Image and prefix:",
        head: [
          "what",
          "tree, MB",
          "entries",
          "image, MB",
          "image by tree",
          "inodes of the prefix",
          "names",
          "commands",
        ],
        rows: sizes.map((one) => [
          one.kind,
          megabytes(one.tree),
          String(one.files),
          megabytes(one.image),
          `${((one.image / one.tree) * 100).toFixed(0)} %`,
          String(one.inodes),
          String(one.names),
          String(one.commands),
        ]),
      },
    ],
    limits: sizes.map((one) => ({
      what: `inodes of a prefix with ${one.commands} commands, ${one.kind}`,
      limit: String(INODE_LIMIT),
      measured: String(one.inodes),
      met: one.inodes <= INODE_LIMIT,
    })),
    notes: [
      "tree: du -sb of the unpacked image. inodes: the prefix itself and everything in it, hard links to one inode once.",
    ],
    raw: Object.fromEntries(sizes.map((one) => [one.kind, one])),
  };
}
