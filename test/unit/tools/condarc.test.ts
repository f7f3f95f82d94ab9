import { describe, expect, it } from "vitest";
import { condarcPaths, packageDirectories } from "../../../src/tools/condarc.ts";

describe("the package caches of a user's conda", () => {
  it.each([
    ["nothing is set", {}, [], []],
    [
      "a list",
      {},
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's
      ["pkgs_dirs:\n  - /a\n  - ~/pkgs\n  - $SCRATCH/c\n  - ${SCRATCH}/d\n"],
      ["/a", "/home/u/pkgs", "/s/c", "/s/d"],
    ],
    ["one value", {}, ["pkgs_dirs: /a\n"], ["/a"]],
    [
      "the variable before the file",
      { CONDA_PKGS_DIRS: "/v,/w" },
      ["pkgs_dirs: [/a, /v]\n"],
      ["/v", "/w", "/a"],
    ],
    ["what is no YAML, no mapping, not absolute", {}, ["a: [", "just text", "pkgs_dirs: [relative]"], []],
  ])("%s", (_name, environment, texts, expected) => {
    expect(packageDirectories({ SCRATCH: "/s", ...environment }, "/home/u", texts)).toEqual(expected);
  });

  it("is looked for where conda looks, a named file first", () => {
    expect(condarcPaths({ CONDARC: "/x/rc" }, "/home/u")[0]).toBe("/x/rc");
    expect(condarcPaths({}, "/home/u")).toContain("/home/u/.condarc");
  });
});
