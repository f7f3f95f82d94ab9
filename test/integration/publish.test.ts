import { chmod, mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { publish } from "../../src/build/publish.ts";
import { renderStub } from "../../src/prefix/launcher.ts";
import { scratch } from "../support/programs.ts";

async function prefix() {
  const root = join(await scratch(), "p");
  const stub = join(root, "..", "stub");
  await mkdir(root);
  await writeFile(stub, renderStub(root));
  await chmod(stub, 0o755);
  const generation = async (number: number, commands: string[]) => {
    await mkdir(join(root, "generations", String(number)), { recursive: true });
    let published = false;
    const done = publish({
      placement: { prefix: root, root, linkedBin: false, generation: number },
      commands,
      stub,
      names: { image: "img.sqfs", container: "container.sif" },
      image: true,
      base: undefined,
      now: new Date(),
      onPublished: () => {
        published = true;
      },
    });
    const error = await done.then(
      () => undefined,
      (failure: unknown) => failure,
    );
    return { error, published };
  };
  const names = async () => (await readdir(join(root, "bin"))).sort();
  return { root, generation, names };
}
const OWN = ["_debug_exec", "_debug_shell"];

describe("publishing", () => {
  it("links the names, then the generation, then takes away names that are gone", async () => {
    const { root, generation, names } = await prefix();
    expect(await generation(1, ["a", "b"])).toEqual({ error: undefined, published: true });
    expect(await generation(2, ["b", "c"])).toEqual({ error: undefined, published: true });
    expect(await names()).toEqual([...OWN, "b", "c"]);
    expect(await readlink(join(root, "current"))).toBe("generations/2");
    expect((await readdir(root)).sort()).toEqual(["bin", "current", "generations", "img.sqfs", "share"]);
  });

  it("leaves what the user put into bin", async () => {
    const { root, generation, names } = await prefix();
    await generation(1, ["a"]);
    await writeFile(join(root, "bin", "mine"), "#!/bin/sh\n");
    expect((await generation(2, ["b"])).published).toBe(true);
    expect(await names()).toEqual([...OWN, "b", "mine"]);
  });

  it("refuses to replace what the user put into bin under a name of the environment", async () => {
    const { root, generation, names } = await prefix();
    await generation(1, ["a"]);
    await writeFile(join(root, "bin", "b"), "#!/bin/sh\n");
    const { error, published } = await generation(2, ["b"]);
    expect(published).toBe(false);
    expect(error).toMatchObject({
      code: 7,
      message: `${join(root, "bin", "b")} is in the way: it was not made by Kapseli`,
    });
    expect(await names()).toEqual([...OWN, "a", "b"]);
    expect(await readFile(join(root, "bin", "b"), "utf8")).toBe("#!/bin/sh\n");
    expect(await readlink(join(root, "current"))).toBe("generations/1");
  });
});

describe("publishing that fails before the rename", () => {
  it("puts the names back", async () => {
    const { root, generation, names } = await prefix();
    await generation(1, ["a"]);
    const { rm } = await import("node:fs/promises");
    await rm(join(root, "current"));
    // No link can be renamed over a directory.
    await mkdir(join(root, "current", "x"), { recursive: true });
    const { error, published } = await generation(2, ["b"]);
    expect(published).toBe(false);
    expect(error).toMatchObject({
      code: 7,
      message: expect.stringContaining("Failed to move to install dir"),
    });
    expect(await names()).toEqual([...OWN, "a"]);
    expect((await readdir(root)).sort()).toEqual(["bin", "current", "generations", "img.sqfs", "share"]);
  });

  it("takes bin away where there was none", async () => {
    const { root, generation } = await prefix();
    await mkdir(join(root, "current", "x"), { recursive: true });
    expect((await generation(1, ["a"])).published).toBe(false);
    expect((await readdir(root)).sort()).toEqual(["current", "generations"]);
  });
});
