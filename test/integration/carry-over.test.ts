import { link, mkdir, readFile, rename, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { carryOver } from "../../src/build/carry-over.ts";
import { copyPlainFiles } from "../../src/build/in-place.ts";
import { exists } from "../../src/host/files.ts";
import { renderStub } from "../../src/prefix/launcher.ts";
import { scratch } from "../support/programs.ts";
import { contents } from "../support/trees.ts";

async function file(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** An original, and the directory that we made of it. */
async function wrapped() {
  const root = await scratch();
  const [back, ours, before] = ["venv", "wrapped", "before"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  await file(join(back, "bin/activate"), "VIRTUAL_ENV=/here\n");
  await file(join(back, "bin/tool"), "#!/here/bin/python\n");
  await file(join(back, "lib/python3/site-packages/a.py"), "a = 1\n");
  await file(join(back, "data/old.txt"), "old\n");
  await file(join(back, "pyvenv.cfg"), "home = /usr/bin\n");
  await mkdir(ours);
  await copyPlainFiles(back, ours, ["tool"]);
  await file(join(ours, "bin/tool"), renderStub(back));
  await link(join(ours, "bin/tool"), join(ours, "bin/_debug_exec"));
  await file(join(ours, "generations/1/launcher.sh"), "");
  await file(join(ours, "generations/1/env.sqfs"), "");
  await symlink("{}", join(ours, ".kapseli.lock"));
  await symlink("generations/1", join(ours, "current"));
  await symlink("current/env.sqfs", join(ours, "img.sqfs"));
  await symlink("current/share", join(ours, "share"));
  await symlink("/appl/shared.sif", join(ours, "base.sif"));
  const carry = (original?: string) => carryOver(ours, { back, original, container: "base.sif" });
  return { back, ours, before, carry };
}

describe("giving a wrapped directory back", () => {
  it("leaves nothing of ours and changes nothing, where nobody put anything into it", async () => {
    const { back, ours, carry } = await wrapped();
    const before = contents(back);
    expect(await carry()).toEqual({ carried: [], kept: [] });
    expect(contents(back)).toEqual(before);
    expect(await exists(ours)).toBe(false);
  });

  it("carries over files, directories and links, also into directories that both have", async () => {
    const { back, ours, carry } = await wrapped();
    await file(join(ours, "bin/myscript"), "#!/bin/sh\n");
    await symlink("/usr/bin/env", join(ours, "bin/mylink"));
    await file(join(ours, "notes.txt"), "mine\n");
    await file(join(ours, "data/new.txt"), "new\n");
    await file(join(ours, "results/deep/x"), "x\n");
    await file(join(ours, ".env"), "A=1\n");
    const expected = contents(back);
    for (const name of ["bin/myscript", "bin/mylink", "notes.txt", "data/new.txt", ".env"]) {
      expected.set(name, contents(ours).get(name) ?? "");
    }
    for (const name of ["results", "results/deep", "results/deep/x"]) {
      expected.set(name, contents(ours).get(name) ?? "");
    }
    const carried = [".env", "bin/mylink", "bin/myscript", "data/new.txt", "notes.txt", "results"];
    expect(await carry()).toEqual({ carried, kept: [] });
    expect(new Map([...contents(back)].sort())).toEqual(new Map([...expected].sort()));
    expect(await exists(ours)).toBe(false);
  });

  it("keeps what the directory given back has otherwise, with nothing of ours beside it", async () => {
    const { back, ours, carry } = await wrapped();
    await file(join(ours, "bin/activate"), "VIRTUAL_ENV=/here\nexport MINE=1\n");
    await file(join(ours, "data/old.txt"), "edited\n");
    await file(join(ours, "lib"), "not what we wrote\n");
    await file(join(ours, "generations/mine/x"), "x\n");
    const before = contents(back);
    const kept = ["bin/activate", "data/old.txt", "generations/mine", "lib"];
    expect(await carry()).toEqual({ carried: [], kept });
    expect(contents(back)).toEqual(before);
    const left = [...contents(ours).keys()].sort();
    expect(left).toEqual(["", ...kept, "bin", "data", "generations", "generations/mine/x"].sort());
    expect(await readFile(join(ours, "data/old.txt"), "utf8")).toBe("edited\n");
  });

  it("knows its copies of an original that was changed since", async () => {
    const { back, ours, before, carry } = await wrapped();
    await rename(back, before);
    await file(join(back, "bin/activate"), "VIRTUAL_ENV=/new\n");
    await file(join(back, "pyvenv.cfg"), "home = /usr/bin\n");
    await file(join(before, "bin/gone.sh"), "of a package that is gone\n");
    await file(join(ours, "bin/gone.sh"), "of a package that is gone\n");
    expect(await carry(before)).toEqual({ carried: [], kept: [] });
    expect(await exists(ours)).toBe(false);
  });

  it("keeps a name that is no UTF-8, and what may not be put where it belongs", async () => {
    const { back, ours, carry } = await wrapped();
    const strange = Buffer.concat([Buffer.from(`${ours}/bad-`), Buffer.from([0xff])]);
    await writeFile(strange, "mine\n");
    await file(join(ours, "bin/tools/x"), "x\n");
    await file(join(back, "bin/tools"), "a file\n");
    const { carried, kept } = await carry();
    expect(carried).toEqual([]);
    expect(kept).toEqual(["bad-\ufffd", "bin/tools"]);
    expect(await exists(join(ours, "bin/tools/x"))).toBe(true);
    expect(await readFile(strange, "utf8")).toBe("mine\n");
  });
});
