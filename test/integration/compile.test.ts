/** What is byte-compiled: everything, or what an update changed. */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compile } from "../../src/build/compile.ts";
import { recordingContext } from "../support/build-context.ts";
import { NONE, planOf, updateRequest } from "../support/plan-inputs.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kapseli-compile-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const LIBRARY = "lib/python3.11";
const put = async (name: string, content = "x = 1\n"): Promise<void> => {
  const path = join(directory, "tree", name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
};
const compiled = (name: string): boolean => {
  const path = join(directory, "tree", LIBRARY, name);
  const stem = path.slice(path.lastIndexOf("/") + 1, -3);
  const [tag] = ["310", "311", "312", "313", "314"].filter((version) =>
    existsSync(join(dirname(path), "__pycache__", `${stem}.cpython-${version}.pyc`)),
  );
  return tag !== undefined;
};

/** Compiles a tree that is at its own path outside, too, by the host's Python. */
async function run(upper?: string): Promise<string> {
  const tree = join(directory, "tree");
  const location = { mount: tree, environment: tree, view: false };
  const plan = planOf({
    request: updateRequest("pip", {}, tree),
    engine: NONE,
    location,
    workDirectory: directory,
  });
  await mkdir(join(directory, "inputs"), { recursive: true });
  return compile(recordingContext(directory), plan, (argv) => ["python3", ...argv.slice(1)], upper);
}

describe("compiling", () => {
  beforeEach(async () => {
    await put("bin/python3", "");
    await put(`${LIBRARY}/old.py`);
    await put(`${LIBRARY}/site-packages/new/a b.py`);
    await put(`${LIBRARY}/site-packages/new/broken.py`, "x =\n");
  });

  it("takes everything where nothing is known of what changed", async () => {
    expect(await run()).toBe("some files are used as source");
    expect(["old.py", "site-packages/new/a b.py"].map(compiled)).toEqual([true, true]);
  });

  it("goes on beside files that break the compiler, directories that look like files, and links that lead nowhere", async () => {
    await put(`${LIBRARY}/deep.py`, `x = ${"(".repeat(5000)}${")".repeat(5000)}\n`);
    await put(`${LIBRARY}/nul.py`, "x = 1\0\n");
    await put(`${LIBRARY}/directory.py/inner.py`);
    await symlink("/no/such/file.py", join(directory, "tree", LIBRARY, "link.py"));
    await Promise.all(Array.from({ length: 250 }, (_, index) => put(`${LIBRARY}/many/m${index}.py`)));
    expect(await run()).toBe("some files are used as source");
    const names = [
      "old.py",
      "directory.py/inner.py",
      ...Array.from({ length: 250 }, (_, i) => `many/m${i}.py`),
    ];
    expect(names.filter((name) => !compiled(name))).toEqual([]);
  });

  it("takes what changed where that is known", async () => {
    const upper = join(directory, "upper");
    await mkdir(join(upper, LIBRARY, "site-packages/new"), { recursive: true });
    for (const name of ["a b.py", "data.txt"])
      await writeFile(join(upper, LIBRARY, "site-packages/new", name), "");
    await run(upper);
    expect(["old.py", "site-packages/new/a b.py"].map(compiled)).toEqual([false, true]);
  });

  it("does nothing where no Python file changed", async () => {
    await mkdir(join(directory, "upper"));
    expect(await run(join(directory, "upper"))).toBe("nothing new");
    expect(compiled("old.py")).toBe(false);
  });

  it("takes everything where very much changed, which is faster in parallel", async () => {
    const upper = join(directory, "upper", LIBRARY);
    await mkdir(upper, { recursive: true });
    await Promise.all(Array.from({ length: 500 }, (_, index) => writeFile(join(upper, `m${index}.py`), "")));
    await run(join(directory, "upper"));
    expect(compiled("old.py")).toBe(true);
  });
});
