/** What of the cache of bytecode is kept, and what goes. */
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keepBytecode, toForget } from "../../../src/host/bytecode-cache.ts";

const kept = (path: string, bytes: number, used: number) => ({ path, bytes, used });

describe("what goes from the cache", () => {
  const files = [kept("old", 10, 1), kept("new", 10, 3), kept("middle", 10, 2)];
  it.each([
    ["nothing within the limits", { bytes: 30, files: 3 }, []],
    ["what was not used for longest, by size", { bytes: 29, files: 3 }, ["old"]],
    ["by number", { bytes: 100, files: 1 }, ["middle", "old"]],
    ["everything, where nothing fits", { bytes: 9, files: 3 }, ["new", "middle", "old"]],
  ])("%s", (_, limits, gone) => expect(toForget(files, limits).map(({ path }) => path)).toEqual(gone));
});

describe("keeping", () => {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "kapseli-keep-"));
    await mkdir(join(directory, "made"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const NAME = "0123456789abcdef-0123456789abcdef";
  const keep = () => keepBytecode(join(directory, "made"), join(directory, "cache"));

  it("makes no cache where nothing was made, or only pieces of it", async () => {
    await writeFile(join(directory, "made", "piece.1"), "half");
    await keep();
    expect(await readdir(directory)).toEqual(["made"]);
  });

  it("takes what was made, and leaves nothing else behind", async () => {
    await writeFile(join(directory, "made", NAME), "records");
    await keep();
    expect(await readdir(join(directory, "cache"))).toEqual([NAME]);
    expect(await readFile(join(directory, "cache", NAME), "utf8")).toBe("records");
  });

  it("counts its own files only, and removes no other ones", async () => {
    const cache = join(directory, "cache");
    await mkdir(cache);
    await writeFile(join(cache, "notes.txt"), "mine");
    const names = Array.from({ length: 64 }, (_, i) => `0123456789abcdef-${String(i).padStart(16, "0")}`);
    for (const [i, name] of names.entries()) {
      await writeFile(join(cache, name), "");
      await utimes(join(cache, name), 1000 + i, 1000 + i);
    }
    await writeFile(join(directory, "made", NAME), "records");
    await keep();
    expect((await readdir(cache)).sort()).toEqual([...names.slice(1), NAME, "notes.txt"].sort());
  });
});
