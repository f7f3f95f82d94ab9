/** The cache of what earlier builds compiled: it gives what the compiler would, or nothing. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compile, keepCompiled } from "../../src/build/compile.ts";
import { recordingContext } from "../support/build-context.ts";
import { NONE, OPTIONS, planOf, updateRequest } from "../support/plan-inputs.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kapseli-bytecode-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const LIBRARY = "lib/python3.11";
const SOURCES: Readonly<Record<string, string>> = {
  "plain.py": "x = 1\n",
  "empty.py": "",
  "site-packages/a b/nested.py":
    '"""Ä text."""\nclass A:\n    def f(self, *, n=(1, 2.5, b"x")):\n        return [lambda: (n, i) for i in {1, 2}]\n',
  "site-packages/p/__init__.py": "from . import q\nasync def g():\n    yield __file__\n",
  "site-packages/p/q.py": `${Array.from({ length: 400 }, (_, i) => `def f${i}(a, b=${i}): return a + b`).join("\n")}\n`,
};
const cache = () => join(directory, "cache", "bytecode");

async function makeTree(name: string, sources = SOURCES): Promise<string> {
  const tree = join(directory, name, "tree");
  for (const [path, content] of Object.entries({ "../../bin/python3": "", ...sources })) {
    const file = join(tree, LIBRARY, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
  }
  return tree;
}

interface Compiled {
  said: string;
  /** How many files the cache got. */
  kept: number;
  debug: string[];
}

/** Compiles a tree that is at its own path outside, too, by the host's Python, as a build does. */
async function run(
  tree: string,
  { nocache = false, variables = {} }: { nocache?: boolean; variables?: Record<string, string> } = {},
): Promise<Compiled> {
  const workDirectory = dirname(tree);
  for (const name of ["inputs", "bytecode"])
    await rm(join(workDirectory, name), { recursive: true, force: true });
  const plan = planOf({
    request: updateRequest("pip", { options: { ...OPTIONS, nocache } }, tree),
    engine: NONE,
    location: { mount: tree, environment: tree, view: false },
    workDirectory,
  });
  await mkdir(join(workDirectory, "inputs"));
  const context = recordingContext(directory, {
    PATH: process.env.PATH ?? "",
    PYTHONHASHSEED: "0",
    KAPSELI_CACHE: join(directory, "cache"),
    ...variables,
  });
  const before = (await readdir(cache()).catch(() => [])).length;
  const said = await compile(context, plan, (argv) => ["python3", ...argv.slice(1)]);
  await keepCompiled(context, plan);
  const kept = (await readdir(cache()).catch(() => [])).length - before;
  const debug = context.events.flatMap((one) => (one.event === "debug" ? [one.message] : []));
  return { said, kept, debug };
}

/** What is compiled below a tree, by its path there. */
async function compiled(tree: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const path of (await readdir(tree, { recursive: true })).sort()) {
    if (path.endsWith(".pyc")) found[path] = (await readFile(join(tree, path))).toString("base64");
  }
  return found;
}

async function clear(tree: string): Promise<void> {
  for (const path of await readdir(tree, { recursive: true })) {
    if (path.endsWith("__pycache__")) await rm(join(tree, path), { recursive: true });
  }
}

const onlyFile = async (): Promise<string> => {
  const names = await readdir(cache());
  expect(names).toHaveLength(1);
  return join(cache(), names[0] ?? "");
};

describe("what was compiled before", () => {
  it("is, byte for byte, what the compiler writes at the new place", async () => {
    expect(await run(await makeTree("one"))).toMatchObject({ said: "", kept: 1 });
    const other = await makeTree("another place, of a longer name");
    expect(await run(other, { nocache: true })).toMatchObject({ said: "", kept: 0 });
    const byCompiler = await compiled(other);
    expect(Object.keys(byCompiler)).toHaveLength(Object.keys(SOURCES).length);
    await clear(other);
    // Nothing new: all of it was there.
    expect(await run(other)).toMatchObject({ said: "", kept: 0 });
    expect(await compiled(other)).toEqual(byCompiler);
  });

  it("is taken: what a record holds is what comes, where its own hash is right", async () => {
    const marked = { "m.py": 'x = "before"\n' };
    await run(await makeTree("one", marked));
    const file = await onlyFile();
    // The record's parts, by the module's own description; the hash of the changed code is put in.
    const change = [
      "import hashlib, sys",
      "p = sys.argv[1]; b = open(p, 'rb').read()",
      "code = b[72:].replace(b'before', b'cached')",
      "digest = hashlib.sha256(b[:32] + b[64:68] + code).digest()",
      "open(p, 'wb').write(b[:32] + digest + b[64:72] + code)",
    ].join("\n");
    execFileSync("python3", ["-c", change, file]);
    const two = await makeTree("two", marked);
    await run(two);
    const [content = ""] = Object.values(await compiled(two));
    expect(Buffer.from(content, "base64").toString("latin1")).toContain("cached");
  });

  it("is found by what a source holds, whatever its name, time and place", async () => {
    const tree = await makeTree("one", { "a.py": "x = 1\n" });
    const path = join(tree, LIBRARY, "a.py");
    await utimes(path, 1000, 1000);
    await run(tree);
    const two = await makeTree("two", { "other/b.py": "x = 1\n" });
    expect((await run(two)).kept).toBe(0);
    expect(Object.keys(await compiled(two))).toHaveLength(1);
    // The same size and time, and something else in it.
    const three = await makeTree("three", { "a.py": "x = 2\n" });
    await utimes(join(three, LIBRARY, "a.py"), 1000, 1000);
    expect((await run(three)).kept).toBe(1);
    const value = (at: string): string =>
      execFileSync("python3", ["-c", "import a; print(a.x, a.__cached__ is not None)"], {
        cwd: join(at, LIBRARY),
        encoding: "utf8",
      });
    expect(value(three)).toBe("2 True\n");
  });

  it("is what Python itself uses, with the time of the source that is there", async () => {
    await run(await makeTree("one", { "a.py": "def f(): raise ValueError\n" }));
    const two = await makeTree("two", { "a.py": "def f(): raise ValueError\n" });
    expect(await run(two)).toMatchObject({ said: "", kept: 0 });
    expect(Object.keys(await compiled(two))).toHaveLength(1);
    const said = execFileSync("python3", ["-v", "-c", "import a; print(a.f.__code__.co_filename)"], {
      cwd: join(two, LIBRARY),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH ?? "" },
    });
    expect(said.trim()).toBe(join(two, LIBRARY, "a.py"));
    const [pyc = ""] = Object.values(await compiled(two));
    const header = Buffer.from(pyc, "base64");
    const { mtimeMs, size } = await stat(join(two, LIBRARY, "a.py"));
    expect([header.readUInt32LE(4), header.readUInt32LE(8), header.readUInt32LE(12)]).toEqual([
      0,
      Math.floor(mtimeMs / 1000),
      size,
    ]);
  });

  it("is known to have been used", async () => {
    await run(await makeTree("one"));
    const file = await onlyFile();
    await utimes(file, 1000, 1000);
    await run(await makeTree("two", { "new.py": "y = 2\n" }));
    expect((await stat(file)).mtimeMs).toBe(1_000_000);
    await run(await makeTree("three"));
    expect((await stat(file)).mtimeMs).toBeGreaterThan(1_000_000);
  });

  it("is not asked for, and not made, with --nocache", async () => {
    expect(await run(await makeTree("one"), { nocache: true })).toMatchObject({ said: "", kept: 0 });
    expect(existsSync(cache())).toBe(false);
  });

  it.each([
    ["PYTHONNODEBUGRANGES", { PYTHONNODEBUGRANGES: "1" }, 1],
    // Its files have other names.
    ["PYTHONOPTIMIZE", { PYTHONOPTIMIZE: "1" }, 1],
    ["PYTHONWARNINGS", { PYTHONWARNINGS: "ignore" }, 0],
    // Stamped by what they hold, which is not kept.
    ["SOURCE_DATE_EPOCH", { SOURCE_DATE_EPOCH: "1" }, 0],
  ] as const)("is another one for other ways to compile: %s", async (_, variables, kept) => {
    await run(await makeTree("one"));
    const two = await makeTree("two");
    expect(await run(two, { variables })).toMatchObject({ said: "", kept });
    const withCache = await compiled(two);
    await clear(two);
    await run(two, { variables, nocache: true });
    expect(withCache).toEqual(await compiled(two));
  });

  it("keeps the modes that the compiler gives, and replaces what is out of date", async () => {
    const tree = await makeTree("one", { "a.py": "x = 1\n" });
    const path = join(tree, LIBRARY, "a.py");
    await chmod(path, 0o640);
    await run(tree);
    const [name = ""] = Object.keys(await compiled(tree));
    expect((await stat(join(tree, name))).mode & 0o777).toBe(0o640);
    await writeFile(join(tree, name), "old");
    await run(tree);
    expect((await readFile(join(tree, name))).subarray(16).length).toBeGreaterThan(16);
    expect((await readdir(dirname(join(tree, name)))).length).toBe(1);
  });

  it("leaves what is up to date as it is", async () => {
    const tree = await makeTree("one");
    await run(tree);
    const names = Object.keys(await compiled(tree));
    expect(names).toHaveLength(Object.keys(SOURCES).length);
    const inodes = () => Promise.all(names.map(async (name) => (await stat(join(tree, name))).ino));
    const before = await inodes();
    await run(tree);
    expect(await inodes()).toEqual(before);
  });

  it("does not write through a link in its place", async () => {
    const tree = await makeTree("one", { "a.py": "x = 1\n" });
    await run(tree);
    const [name = ""] = Object.keys(await compiled(tree));
    const outside = join(directory, "outside");
    await writeFile(outside, "mine");
    await rm(join(tree, name));
    await symlink(outside, join(tree, name));
    expect((await run(tree)).said).toBe("some files are used as source");
    expect(await readFile(outside, "utf8")).toBe("mine");
    expect((await lstat(join(tree, name))).isSymbolicLink()).toBe(true);
  });

  it.each([
    ["a path that marshal writes otherwise", `${"d".repeat(200)}/${"e".repeat(200)}`],
    ["a path that is not ASCII", "ä"],
  ])("is not used for %s", async (_, name) => {
    await run(await makeTree("one"));
    const tree = await makeTree(name);
    expect(await run(tree)).toMatchObject({ said: "", kept: 0 });
    const withCache = await compiled(tree);
    await clear(tree);
    await run(tree, { nocache: true });
    expect(withCache).toEqual(await compiled(tree));
    expect(Object.keys(withCache)).toHaveLength(Object.keys(SOURCES).length);
  });
});

describe("a cache that cannot be used", () => {
  const damages: readonly (readonly [string, (file: string) => Promise<void>])[] = [
    [
      "one of its bytes is another",
      async (file) => {
        const bytes = await readFile(file);
        const at = bytes.length - 5;
        bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
        await writeFile(file, bytes);
      },
    ],
    [
      "the path is said to belong elsewhere",
      async (file) => {
        const bytes = await readFile(file);
        bytes.writeUInt32LE(bytes.readUInt32LE(64) + 1, 64);
        await writeFile(file, bytes);
      },
    ],
    ["it ends in the middle", async (file) => truncate(file, (await stat(file)).size - 7)],
    ["it is noise", (file) => writeFile(file, randomBytes(5000))],
    ["it is empty", (file) => truncate(file, 0)],
    [
      "it is a directory",
      async (file) => {
        await rm(file);
        await mkdir(file);
      },
    ],
    [
      "a part of a record claims to be endless",
      async (file) => {
        const bytes = await readFile(file);
        bytes.writeUInt32LE(0xffffffff, 68);
        await writeFile(file, bytes);
      },
    ],
  ];
  it.each(damages)("gives nothing, and the compiler does it: %s", async (_, damage) => {
    const tree = await makeTree("one");
    await run(tree);
    const right = await compiled(tree);
    await damage(await onlyFile());
    await clear(tree);
    expect((await run(tree)).said).toBe("");
    expect(await compiled(tree)).toEqual(right);
    // What was made again is found the next time.
    await clear(tree);
    expect(await run(tree)).toMatchObject({ said: "", kept: 0 });
    expect(await compiled(tree)).toEqual(right);
  });

  it("is no failure where it cannot be written", async () => {
    await mkdir(join(directory, "cache"));
    await writeFile(cache(), "a file in its place");
    const { said, debug } = await run(await makeTree("one"));
    expect(said).toBe("");
    expect(debug.join("\n")).toMatch(/^what was compiled is not kept: E/m);
  });

  it("reads no pipe and no device that is called a source", { timeout: 20_000 }, async () => {
    const tree = await makeTree("one", { "good.py": "x = 1\n" });
    execFileSync("mkfifo", [join(tree, LIBRARY, "pipe.py")]);
    await symlink("/dev/zero", join(tree, LIBRARY, "endless.py"));
    expect(await run(tree)).toMatchObject({ said: "", kept: 1 });
    expect(Object.keys(await compiled(tree))).toHaveLength(1);
  });

  it("goes on beside files that do not compile, and asks for them again", async () => {
    const sources = { "good.py": "x = 1\n", "bad.py": "x =\n" };
    expect((await run(await makeTree("one", sources))).said).toBe("some files are used as source");
    const two = await makeTree("two", sources);
    expect(await run(two)).toMatchObject({ said: "some files are used as source", kept: 0 });
    expect(Object.keys(await compiled(two))).toHaveLength(1);
  });
});
