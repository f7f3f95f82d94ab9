import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placeHelpers, placeMissing, removeHelpers } from "../../../src/build/helper-files.ts";
import { scratch } from "../../support/programs.ts";

async function helpers(...names: string[]) {
  const at = await scratch();
  return { at, files: names.map((name) => ({ path: join(at, name), content: `text of ${name}` })) };
}

describe("files that are there while something is installed", () => {
  it("are put there and taken away again", async () => {
    const { at, files } = await helpers("a", "b c");
    await placeHelpers(files);
    expect(await readFile(join(at, "b c"), "utf8")).toBe("text of b c");
    await removeHelpers(files);
    expect(await readdir(at)).toEqual([]);
  });

  it("replace nothing that an environment has", async () => {
    const { at, files } = await helpers("a");
    await writeFile(join(at, "a"), "mine");
    await expect(placeHelpers(files)).rejects.toMatchObject({
      code: 3,
      message: "installation_file_paths: the environment has something called a already",
    });
    expect(await placeMissing(files)).toEqual([]);
    expect(await readFile(join(at, "a"), "utf8")).toBe("mine");
  });

  it("stay where an installer made something of their name", async () => {
    const { at, files } = await helpers("changed", "directory", "gone");
    await writeFile(join(at, "changed"), "by a script");
    await mkdir(join(at, "directory"));
    await removeHelpers(files);
    expect((await readdir(at)).sort()).toEqual(["changed", "directory"]);
  });
});
