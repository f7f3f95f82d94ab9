/** Images joined by us, of what the real mksquashfs made, and read by the real unsquashfs. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changesIn } from "../../src/host/overlay-changes.ts";
import { readImage, writeJoined } from "../../src/host/squashfs-file.ts";
import { areAlike, joinImages, survey } from "../../src/squashfs/join.ts";
import { NotJoinable } from "../../src/squashfs/metadata.ts";
import { type Compression, packArgv } from "../../src/tools/mksquashfs.ts";
import { scratch } from "../support/programs.ts";
import { holdsAsync } from "../support/properties.ts";

/** What is at a path: a file's size and content, where a link leads, or another name for a file. */
type Node =
  | { kind: "file"; size: number; hole: boolean; seed: number; mode: number }
  | { kind: "link"; target: string }
  | { kind: "directory"; mode: number };

/** By path; directories come before what is in them. */
type Tree = ReadonlyMap<string, Node>;

const parentOf = (path: string): string => dirname(path);
const inOrder = (tree: Tree): [string, Node][] => [...tree].sort(([a], [b]) => (a < b ? -1 : 1));

/** A tree without what has no directory to be in. */
function rooted(nodes: Tree): Tree {
  const kept = new Map<string, Node>();
  for (const [path, node] of inOrder(nodes)) {
    const parent = parentOf(path);
    if (parent === "." || kept.get(parent)?.kind === "directory") kept.set(path, node);
  }
  return kept;
}

function bytesOf({ size, seed, hole }: Extract<Node, { kind: "file" }>): Buffer {
  const bytes = Buffer.alloc(size);
  // Half of it can be compressed.
  for (let at = hole ? size >> 1 : 0, value = seed; at < size; at++) {
    value = (value * 1_103_515_245 + 12_345) & 0x7fff_ffff;
    bytes[at] = at % 64 < 32 ? value >> 16 : 7;
  }
  return bytes;
}

/** Seconds that are each node's own, and the same wherever it is made. */
const timeOf = (node: Node): number =>
  1_600_000_000 + createHash("sha256").update(JSON.stringify(node)).digest().readUInt16LE(0);

function make(tree: Tree, directory: string): void {
  mkdirSync(directory);
  for (const [path, node] of inOrder(tree)) {
    const at = join(directory, path);
    if (node.kind === "directory") mkdirSync(at);
    else if (node.kind === "link") symlinkSync(node.target, at);
    else {
      writeFileSync(at, bytesOf(node));
      chmodSync(at, node.mode);
    }
  }
  for (const [path, node] of inOrder(tree).reverse()) {
    if (node.kind === "directory") chmodSync(join(directory, path), node.mode);
    lutimesSync(join(directory, path), 1, timeOf(node));
  }
}

/** What an overlay's upper layer would have: what differs, and the directories that lead there. */
function upperOf(before: Tree, after: Tree): Tree {
  const upper = new Map<string, Node>();
  const need = (path: string): void => {
    if (path === ".") return;
    need(parentOf(path));
    const node = after.get(path);
    if (node) upper.set(path, node);
  };
  const same = (path: string): boolean =>
    JSON.stringify(before.get(path)) === JSON.stringify(after.get(path));
  for (const path of after.keys()) if (!same(path)) need(path);
  for (const path of before.keys()) if (!after.has(path)) need(parentOf(path));
  return upper;
}

/** Every path with all that an image keeps of it. */
function look(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (path: string): void => {
    for (const name of readdirSync(join(directory, path))) {
      const below = join(path, name);
      const at = join(directory, below);
      const info = lstatSync(at);
      const mode = (info.mode & 0o7777).toString(8);
      const time = Math.floor(info.mtimeMs / 1000);
      if (info.isSymbolicLink()) found.set(below, `-> ${readlinkSync(at)} ${time}`);
      else if (info.isDirectory()) {
        found.set(below, `${mode} directory ${time}`);
        visit(below);
      } else {
        const hash = createHash("sha256").update(readFileSync(at)).digest("hex");
        found.set(below, `${mode} ${info.size} ${hash} ${time}`);
      }
    }
  };
  visit("");
  return found;
}

function packTo(source: string, image: string, compression: Compression, ...further: string[]): void {
  const [program, ...args] = packArgv({
    mksquashfs: "mksquashfs",
    source,
    image,
    compression,
    processors: 2,
    owner: userInfo(),
    actions: false,
    further,
  });
  execFileSync(program, args, { stdio: "ignore" });
}

function unpack(image: string, tree: string): void {
  rmSync(tree, { recursive: true, force: true });
  execFileSync("unsquashfs", ["-no-progress", "-quiet", "-dest", tree, image], { stdio: "pipe" });
}

/** Joins what an upper layer holds to an image. @returns how many entries the joined one has. */
async function joinTo(
  image: string,
  upper: string,
  shown: string,
  path: string,
  compression: Compression,
  ...further: string[]
): Promise<number> {
  const changes = `${path}.changes`;
  rmSync(changes, { force: true });
  packTo(upper, changes, compression, ...further);
  const [first, second] = [await readImage(image), await readImage(changes)];
  expect(areAlike(first, second)).toBe(true);
  const change = await changesIn(first, upper, shown);
  const joined = joinImages(first, second, change);
  const { entries, unused } = survey(joined);
  expect(unused).toBeGreaterThanOrEqual(0);
  await writeJoined({
    first: { path: image, image: first },
    second: { path: changes, image: second },
    joined,
    path,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  return entries;
}

const name = fc.constantFrom("a", "b", "é", "x y", "long-name-of-a-module", ".h");
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const size = fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 100_000, max: 400_000 }));
const node: fc.Arbitrary<Node> = fc.oneof(
  fc.record({
    kind: fc.constant("file" as const),
    size,
    hole: fc.boolean(),
    seed: fc.integer({ min: 1, max: 1000 }),
    mode: fc.constantFrom(0o644, 0o755, 0o600),
  }),
  fc.record({ kind: fc.constant("link" as const), target: fc.constantFrom("a", "../b", "/nowhere") }),
  fc.record({ kind: fc.constant("directory" as const), mode: fc.constantFrom(0o755, 0o700) }),
);
/** Paths to put in, those that are there replaced; undefined takes away. */
const edits = fc.array(fc.tuple(path, fc.option(node, { nil: undefined })), { minLength: 1, maxLength: 12 });

function edited(tree: Tree, changes: readonly (readonly [string, Node | undefined])[]): Tree {
  const nodes = new Map(tree);
  for (const [path, node] of changes) {
    if (node) nodes.set(path, node);
    else nodes.delete(path);
    const above = path.split("/").slice(0, -1);
    if (!node) continue;
    for (let depth = 1; depth <= above.length; depth++) {
      const at = above.slice(0, depth).join("/");
      if (nodes.get(at)?.kind !== "directory") nodes.set(at, { kind: "directory", mode: 0o755 });
    }
  }
  return rooted(nodes);
}

describe("an image and what was changed in it", () => {
  it.each<Compression>(["zstd", "gzip", "lz4"])(
    "become one that unpacks to what it should, whatever was changed, time after time (%s)",
    async (compression) => {
      await holdsAsync(
        12,
        fc.asyncProperty(fc.array(edits, { minLength: 2, maxLength: 4 }), async ([first = [], ...rest]) => {
          const directory = await scratch();
          const at = (name: string): string => join(directory, name);
          let tree = edited(new Map([["top", { kind: "directory", mode: 0o755 }]]), first);
          make(tree, at("tree"));
          packTo(at("tree"), at("0.sqfs"), compression);
          for (const [index, changes] of rest.entries()) {
            const after = edited(tree, changes);
            for (const name of ["tree", "upper"]) rmSync(at(name), { recursive: true, force: true });
            make(after, at("tree"));
            make(upperOf(tree, after), at("upper"));
            const [image, next] = [at(`${index}.sqfs`), at(`${index + 1}.sqfs`)];
            const entries = await joinTo(image, at("upper"), at("tree"), next, compression);
            unpack(next, at("out"));
            expect(look(at("out"))).toEqual(look(at("tree")));
            expect(entries).toBe(look(at("tree")).size + 1);
            tree = after;
          }
        }),
      );
    },
  );

  it("may have directories of thousands of names, found by the index, and files of several names", async () => {
    const directory = await scratch();
    const at = (name: string): string => join(directory, name);
    const names = Array.from({ length: 2500 }, (_, index) => `module-with-a-long-name-${index * 7}`);
    const many = new Map<string, Node>([["many", { kind: "directory", mode: 0o755 }]]);
    for (const [seed, name] of names.entries()) {
      many.set(`many/${name}`, { kind: "file", size: 3, hole: false, seed, mode: 0o644 });
    }
    make(many, at("tree"));
    packTo(at("tree"), at("0.sqfs"), "zstd");
    mkdirSync(at("upper/many/new"), { recursive: true });
    for (const name of names.slice(0, 300)) writeFileSync(at(`upper/many/new/${name}`), name);
    for (const place of ["upper/many", "tree/many"]) {
      writeFileSync(at(`${place}/module-with-a-longer-name`), "one");
      linkSync(at(`${place}/module-with-a-longer-name`), at(`${place}/also`));
    }
    execFileSync("cp", ["-a", at("upper/many/new"), at("tree/many/new")]);
    rmSync(at(`tree/many/${names[17]}`));
    lutimesSync(at("upper/many"), 1, 2);
    lutimesSync(at("tree/many"), 1, 2);
    await joinTo(at("0.sqfs"), at("upper"), at("tree"), at("1.sqfs"), "zstd");
    unpack(at("1.sqfs"), at("out"));
    expect(look(at("out"))).toEqual(look(at("tree")));
    expect(lstatSync(at("out/many/also")).ino).toBe(lstatSync(at("out/many/module-with-a-longer-name")).ino);
    expect(
      execFileSync("unsquashfs", ["-lls", at("1.sqfs")])
        .toString()
        .trim()
        .split("\n"),
    ).toHaveLength(2804);
  });

  it("may hold files of zeros alone, fifos and nothing in fragments", async () => {
    const directory = await scratch();
    const at = (name: string): string => join(directory, name);
    for (const tree of ["before", "upper", "after"]) mkdirSync(at(tree));
    for (const tree of ["before", "after"]) {
      writeFileSync(at(`${tree}/a-zeros`), Buffer.alloc(300_000));
      writeFileSync(at(`${tree}/b-large`), randomBytes(600_000));
    }
    copyFileSync(at("before/b-large"), at("after/b-large"));
    for (const tree of ["upper", "after"]) {
      execFileSync("mkfifo", [at(`${tree}/fifo`)]);
      writeFileSync(at(`${tree}/zeros`), Buffer.alloc(131_072));
    }
    packTo(at("before"), at("0.sqfs"), "zstd", "-no-fragments");
    await joinTo(at("0.sqfs"), at("upper"), at("after"), at("1.sqfs"), "zstd", "-no-fragments");
    const image = await readImage(at("1.sqfs"));
    expect(image.superblock.fragments).toBe(0);
    expect(survey(image).unused).toBeLessThan(200);
    unpack(at("1.sqfs"), at("out"));
    expect(readdirSync(at("out")).sort()).toEqual(["a-zeros", "b-large", "fifo", "zeros"]);
    expect(lstatSync(at("out/fifo")).isFIFO()).toBe(true);
    for (const name of ["a-zeros", "b-large", "zeros"]) {
      expect(readFileSync(at(`out/${name}`)).equals(readFileSync(at(`after/${name}`)))).toBe(true);
    }
  });

  it("keep names that are no UTF-8", async () => {
    const directory = await scratch();
    const at = (name: string): string => join(directory, name);
    const odd = (tree: string): Buffer =>
      Buffer.concat([Buffer.from(`${at(tree)}/d/`), Buffer.from([0xff, 0x41])]);
    for (const tree of ["before", "upper"]) mkdirSync(at(`${tree}/d`), { recursive: true });
    writeFileSync(odd("before"), "before");
    writeFileSync(at("upper/d/new"), "new");
    packTo(at("before"), at("0.sqfs"), "zstd");
    writeFileSync(at("before/d/new"), "new");
    await joinTo(at("0.sqfs"), at("upper"), at("before"), at("1.sqfs"), "zstd");
    unpack(at("1.sqfs"), at("out"));
    expect(readFileSync(odd("out"), "utf8")).toBe("before");
    expect(readFileSync(at("out/d/new"), "utf8")).toBe("new");
  });
});

describe("images that cannot be joined", () => {
  const file = { kind: "file", size: 5000, hole: false, seed: 3, mode: 0o644 } as const;
  const made = async (...further: string[]): Promise<string> => {
    const directory = await scratch();
    make(new Map([["file", file]]), join(directory, "tree"));
    packTo(join(directory, "tree"), join(directory, "image"), "zstd", ...further);
    return join(directory, "image");
  };

  it("are those whose inodes are compressed, as other tools and earlier versions made them", async () => {
    const directory = await scratch();
    make(new Map([["file", file]]), join(directory, "tree"));
    execFileSync("mksquashfs", [join(directory, "tree"), join(directory, "image")], { stdio: "ignore" });
    await expect(readImage(join(directory, "image"))).rejects.toThrow("its inodes are compressed");
  });

  it("are those of another compression, another level or another block size", async () => {
    const one = await readImage(await made());
    expect(areAlike(one, await readImage(await made()))).toBe(true);
    for (const further of [
      ["-comp", "gzip"],
      ["-Xcompression-level", "9"],
      ["-b", "65536"],
    ]) {
      expect(areAlike(one, await readImage(await made(...further)))).toBe(false);
    }
  });

  it("are those of another owner", async () => {
    const [one, other] = [await readImage(await made()), await readImage(await made("-force-uid", "4711"))];
    expect(areAlike(one, other)).toBe(false);
  });

  it("are no images, and are cut off", async () => {
    const image = await made();
    writeFileSync(`${image}.text`, "no image".repeat(100));
    await expect(readImage(`${image}.text`)).rejects.toThrow("it is no SquashFS image");
    const { superblock } = await readImage(image);
    for (let size = superblock.inodeTable; size < superblock.size; size += 7) {
      copyFileSync(image, `${image}.cut`);
      truncateSync(`${image}.cut`, size);
      await expect(readImage(`${image}.cut`)).rejects.toThrow(NotJoinable);
    }
  });

  it("are shown by an overlay that has what no layer has", async () => {
    const image = await made();
    const directory = await scratch();
    for (const name of ["upper", "shown"]) mkdirSync(join(directory, name));
    writeFileSync(join(directory, "shown/from-nowhere"), "");
    const changes = changesIn(await readImage(image), join(directory, "upper"), join(directory, "shown"));
    await expect(changes).rejects.toThrow('"/from-nowhere" is in no layer');
  });

  it("say so, whichever byte of their tables is another", async () => {
    const image = await made();
    const { superblock } = await readImage(image);
    const whole = readFileSync(image);
    const places = [
      ...Array(96).keys(),
      ...Array.from(whole.keys()).slice(superblock.inodeTable, superblock.size),
    ];
    for (const place of places) {
      for (const bit of [1, 0x80]) {
        const bytes = Buffer.from(whole);
        bytes[place] = (bytes[place] ?? 0) ^ bit;
        writeFileSync(`${image}.odd`, bytes);
        const read = async (): Promise<unknown> => {
          const odd = await readImage(`${image}.odd`);
          return survey(
            joinImages(odd, odd, { taken: new Set(["file"]), directories: new Map(), gone: new Set() }),
          );
        };
        const said = await read().catch((error: unknown) => error);
        if (said instanceof Error) expect(said, `byte ${place}, ${bit}`).toBeInstanceOf(NotJoinable);
      }
    }
  });
});
