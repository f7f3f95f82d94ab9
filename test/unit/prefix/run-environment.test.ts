import { describe, expect, it } from "vitest";
import type { EnvironmentChange } from "../../../src/prefix/activation.ts";
import { readLauncherFacts, renderLauncher } from "../../../src/prefix/launcher.ts";
import { applyChanges, withCompanions } from "../../../src/prefix/run-environment.ts";
import { readShellAssignment, shellAssignments } from "../../../src/prefix/shell-data.ts";
import { launcherData } from "../../support/launcher-data.ts";

describe("what activation recorded, applied to a caller's variables", () => {
  const change = (name: string, kind: "set" | "prepend" | "append" | "default", value: string) =>
    ({ name, change: kind, value }) as const;
  it.each<[string, Record<string, string>, EnvironmentChange, Record<string, string>]>([
    ["set replaces", { A: "old" }, change("A", "set", "new"), { A: "new" }],
    ["prepend goes first", { A: "x" }, change("A", "prepend", "new"), { A: "new:x" }],
    ["prepend to an empty one leaves no colon", { A: "" }, change("A", "prepend", "new"), { A: "new" }],
    ["append goes last", { A: "x" }, change("A", "append", "new"), { A: "x:new" }],
    ["append to none", {}, change("A", "append", "new"), { A: "new" }],
    ["default gives one where there is none", {}, change("A", "default", "new"), { A: "new" }],
    ["default leaves an empty one", { A: "" }, change("A", "default", "new"), { A: "" }],
    ["unset takes away", { A: "x", B: "y" }, { name: "A", change: "unset" }, { B: "y" }],
    [
      "an unset PATH is the shell's default",
      {},
      change("PATH", "prepend", "/x"),
      { PATH: "/x:/usr/local/bin:/usr/bin:/bin" },
    ],
  ])("%s", (_what, variables, one, result) => {
    expect(applyChanges(variables, [one])).toEqual(result);
  });
});

describe("other environments beside the one that runs", () => {
  const b = { given: "b", image: "/envs/b/generations/1/env.sqfs", root: "/envs/b", bin: "/envs/b/bin" };
  const c = { given: "c", image: "/moved/c/generations/3/env.sqfs", root: "/envs/c", bin: "/envs/c/bin" };

  it("are bound at their own places after what the caller binds; their commands come before the caller's PATH", () => {
    const seen = withCompanions({ CW_EXTRA_BIND_MOUNTS: "/x:/y", PATH: "/bin" }, "/envs/a", [b, c]);
    expect(seen).toEqual({
      CW_EXTRA_BIND_MOUNTS: `/x:/y,${b.image}:/envs/b:image-src=/,${c.image}:/envs/c:image-src=/`,
      PATH: "/envs/b/bin:/envs/c/bin:/bin",
    });
  });

  it("change nothing when there are none", () => {
    expect(withCompanions({ PATH: "/bin" }, "/envs/a", [])).toEqual({ PATH: "/bin" });
  });

  it.each([
    ["the same place as the one that runs", [{ ...b, root: "/envs/a" }], "--with b: /envs/a is the place of"],
    ["two of one place", [b, { ...c, root: "/envs/b" }], "--with c: /envs/b is the place of --with b"],
    ["a comma in an image's path", [{ ...b, image: "/a,b/env.sqfs" }], 'holds ","'],
    ["a colon in an image's path", [{ ...b, image: "/a:b/env.sqfs" }], 'holds ":"'],
  ])("refused: %s", (_what, companions, message) => {
    expect(() => withCompanions({}, "/envs/a", companions)).toThrow(message);
  });
});

describe("reading a launcher's data", () => {
  it("gives back what was written, also with quotes and newlines in it", () => {
    const root = "/it's\na 'root'";
    const data = launcherData(root, {
      id: "i",
      generation: 2,
      hiddenTopLevel: ["proc"],
      commands: ["python3", "it's"],
    });
    const text = renderLauncher(data).toString("utf8");
    expect(readLauncherFacts(text)).toEqual({
      id: "i",
      root: "/it's\na 'root'",
      mount: "/it's\na 'root'",
      view: false,
      way: "image",
      base: "root",
      onImage: false,
      commands: ["python3", "it's"],
    });
    expect(readLauncherFacts(text.slice(0, 60))).toBeUndefined();
  });

  it.each(["", "'", "''", "a'b", "\\", "\n=x"])("a value %j survives", (value) => {
    expect(readShellAssignment(shellAssignments({ before: "x='1'", name: value, after: "y" }), "name")).toBe(
      value,
    );
  });
});
