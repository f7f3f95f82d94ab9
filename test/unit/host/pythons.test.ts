import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findPythons } from "../../../src/host/pythons.ts";
import { scratch } from "../../support/programs.ts";

/** A program that says what a Python says of itself, and notes that it was asked. */
async function python(path: string, version: string, notes: string): Promise<void> {
  const answer = JSON.stringify([path, version, true]);
  await writeFile(path, `#!/bin/sh\necho '${path}' >>'${notes}'\necho '${answer}'\n`);
  await chmod(path, 0o755);
}

describe("Pythons on PATH", () => {
  it("are asked once, by however many names their directory and they are found; those of venvs by themselves", async () => {
    const at = await scratch();
    const notes = join(at, "notes");
    for (const name of ["usr", "venv", "old"]) await mkdir(join(at, name));
    await python(join(at, "usr", "python3.12"), "3.12.1", notes);
    await symlink("python3.12", join(at, "usr", "python3"));
    await symlink("usr", join(at, "bin"));
    await symlink(join(at, "usr", "python3.12"), join(at, "venv", "python3"));
    await python(join(at, "old", "python3"), "3.9.2", notes);
    const PATH = ["venv", "bin", "usr", "old"].map((name) => join(at, name)).join(":");
    const found = await findPythons(["python3", "python3.12"], { PATH }, new AbortController().signal);
    expect(found.map(({ version }) => version)).toEqual(["3.12.1", "3.9.2"]);
    const asked = (await readFile(notes, "utf8")).trim().split("\n");
    expect(asked).toEqual(["usr/python3.12", "usr/python3.12", "old/python3"].map((name) => join(at, name)));
  });
});
