import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  type ExtraVariable,
  environmentLine,
  extraVariableLine,
  WITHOUT_EFFECT,
} from "../../../src/prefix/variable-lines.ts";

/** What a line leaves of a variable in a POSIX shell. */
function valueAfter(line: string, name: string, env: Record<string, string> = {}): string {
  const script = `${line}printf '%s' "\${${name}-unset}"`;
  const ran = spawnSync("/bin/sh", ["-c", script], { env: { PATH: "/usr/bin:/bin", ...env } });
  if (ran.stderr.length > 0) throw new Error(ran.stderr.toString());
  return ran.stdout.toString();
}

const extra = (value: string, type: ExtraVariable["type"] = "set", name = "X"): string =>
  extraVariableLine({ name, value, type });

describe("extraVariableLine", () => {
  it.each([
    ["$FOO", "foo"],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: references
    ["a${FOO}b$FOO c", "afoobfoo c"],
    ["$UNSET|", "|"],
    ["", ""],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: no references
    ["$ $1 $$ ${FOO:-x} ${} ${1} \\$", "$ $1 $$ ${FOO:-x} ${} ${1} \\$"],
    ["$(id) `id` 'a' \"b\" \\ * ~ \n", "$(id) `id` 'a' \"b\" \\ * ~ \n"],
  ])("%j becomes %j", (value, expected) => {
    expect(valueAfter(extra(value), "X", { FOO: "foo" })).toBe(expected);
  });

  it("a reference's own value is not expanded again", () => {
    expect(valueAfter(extra("$FOO"), "X", { FOO: "$(id) $HOME" })).toBe("$(id) $HOME");
  });

  it("prepends and appends with a colon, but not to nothing", () => {
    expect(valueAfter(extra("/a", "prepend"), "X", { X: "/x" })).toBe("/a:/x");
    expect(valueAfter(extra("/a", "append"), "X", { X: "/x" })).toBe("/x:/a");
    expect(valueAfter(extra("/a", "prepend"), "X")).toBe("/a");
    expect(valueAfter(extra("/a", "append"), "X")).toBe("/a");
  });

  it("sets a runtime family's variable for both families", () => {
    for (const family of ["SINGULARITY", "APPTAINER"]) {
      const line = extra("/a", "set", `${family}ENV_X`);
      expect([valueAfter(line, "SINGULARITYENV_X"), valueAfter(line, "APPTAINERENV_X")]).toEqual([
        "/a",
        "/a",
      ]);
    }
  });

  it("does nothing for names that have no effect", () => {
    expect(WITHOUT_EFFECT).toEqual(["PATH", "LD_LIBRARY_PATH"]);
    for (const name of WITHOUT_EFFECT) expect(extra("/a", "set", name)).toBe("");
  });

  it.each(["", "1X", "A B", "A=B", "X;id", "__k_root"])("refuses the name %j", (name) => {
    expect(() => extra("x", "set", name)).toThrow(RangeError);
    expect(() => environmentLine({ name, change: "set", value: "x" })).toThrow(RangeError);
  });
});

describe("environmentLine", () => {
  it("changes PATH and LD_LIBRARY_PATH where the launcher puts them together, not its own", () => {
    const line = environmentLine({ name: "PATH", change: "prepend", value: "/a" });
    expect(valueAfter(line, "__k_path", { __k_path: "/x" })).toBe("/a:/x");
    expect(valueAfter(line, "PATH")).toBe("/usr/bin:/bin");
    const name = "LD_LIBRARY_PATH";
    const changed = (change: "set" | "append" | "default", own: Record<string, string>): string =>
      valueAfter(environmentLine({ name, change, value: "/a" }), "__k_libraries", own);
    expect(changed("set", { __k_libraries: "/x" })).toBe("/a");
    expect(changed("append", { __k_libraries: "/x" })).toBe("/x:/a");
    expect(changed("default", { __k_libraries: "/x" })).toBe("/x");
    expect(changed("default", { __k_libraries: "" })).toBe("/a");
    expect(
      valueAfter(environmentLine({ name, change: "unset" }), "__k_libraries", { __k_libraries: "/x" }),
    ).toBe("");
  });

  it("repeats what activation does to any other variable", () => {
    const changed = (change: "set" | "prepend" | "append" | "default", env: Record<string, string>): string =>
      valueAfter(environmentLine({ name: "X", change, value: "it's $a" }), "X", env);
    expect(changed("set", { X: "x" })).toBe("it's $a");
    expect(changed("prepend", { X: "x" })).toBe("it's $a:x");
    expect(changed("append", { X: "x" })).toBe("x:it's $a");
    expect(changed("default", { X: "" })).toBe("");
    expect(changed("default", {})).toBe("it's $a");
    expect(valueAfter(environmentLine({ name: "X", change: "unset" }), "X", { X: "x" })).toBe("unset");
  });
});
