import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { findHostProgram, findHostPrograms } from "../../../src/host/host-programs.ts";
import { renderStub } from "../../../src/prefix/launcher.ts";
import { executable, scratch } from "../../support/programs.ts";

it("a launcher of ours is no program of the host's, wherever it stands on PATH", async () => {
  const at = await scratch();
  const [first, second, third] = ["first", "second", "third"].map((name) => join(at, name));
  for (const directory of [first, second, third]) await mkdir(directory as string);
  await executable(join(`${first}`, "nsenter"), renderStub("/projects/env"));
  const binary = await executable(join(`${second}`, "nsenter"), "\x7fELF");
  await writeFile(join(`${third}`, "nsenter"), "not executable");
  expect(findHostPrograms("nsenter", `${first}:${third}:${second}:${first}`)).toEqual([binary]);
  expect(findHostPrograms("nsenter", first)).toEqual([]);
  expect(findHostProgram(["unshare", "nsenter"], `${first}:${second}`)).toBe(binary);
  expect(findHostProgram(["nsenter"], undefined)).toBeUndefined();
});
