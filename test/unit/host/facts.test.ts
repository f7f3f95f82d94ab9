import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findPrograms, hostFacts } from "../../../src/host/facts.ts";
import { executable, scratch } from "../../support/programs.ts";

describe("the host", () => {
  const facts = hostFacts({ A: "b", GONE: undefined, HOME: "/home/u" }, "/here");

  it("has the caller's environment, directory and processors", () => {
    expect(facts.environment).toMatchObject({ A: "b" });
    expect(facts.environment).not.toHaveProperty("GONE");
    expect(facts.cwd).toBe("/here");
    expect(facts.processors).toBeGreaterThanOrEqual(1);
  });

  it("has directories and links below /, as they are", () => {
    expect(facts.topLevel).toContainEqual({ name: "usr", kind: "directory" });
    for (const entry of facts.topLevel) expect(entry.kind === "link").toBe(entry.target !== undefined);
  });
});

describe("programs on a PATH", () => {
  it("are all of a name, in order, once each, and only what may be run", async () => {
    const at = await scratch();
    for (const name of ["a", "b", "c"]) await mkdir(join(at, name));
    await executable(join(at, "a", "x"), "#!/bin/sh\n");
    await executable(join(at, "b", "x"), "#!/bin/sh\n");
    await mkdir(join(at, "c", "x"));
    await symlink("nowhere", join(at, "c", "y"));
    const path = [
      "",
      "relative",
      "/proc/nothing",
      join(at, "c"),
      join(at, "b"),
      join(at, "a"),
      join(at, "b"),
    ].join(":");
    expect(findPrograms("x", path)).toEqual([join(at, "b", "x"), join(at, "a", "x")]);
    expect(findPrograms("y", path)).toEqual([]);
    expect(findPrograms(join(at, "a", "x"), undefined)).toEqual([join(at, "a", "x")]);
    expect(findPrograms("/etc/passwd", path)).toEqual([]);
    expect(findPrograms("x", undefined)).toEqual([]);
  });
});
