import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  atLeast,
  compileArgv,
  compileProgress,
  PYTHON_FACTS_SCRIPT,
  parsePythonFacts,
} from "../../../src/tools/python.ts";

describe("what a Python says of itself", () => {
  it.each([
    [
      '["/usr/bin/python3.11", "3.11.2", true]\n',
      { path: "/usr/bin/python3.11", version: "3.11.2", ensurepip: true },
    ],
    ['sitecustomize says hello\n["/p", "3.9.0", false]', { path: "/p", version: "3.9.0", ensurepip: false }],
  ])("%j", (printed, facts) => expect(parsePythonFacts(printed)).toEqual(facts));

  it.each(["", "Python 2.7.18", '["", "3.1", true]', "[1, 2, 3]", "{}", "null"])(
    "%j is no answer",
    (printed) => expect(parsePythonFacts(printed)).toBeUndefined(),
  );

  it("is understood from a real one", () => {
    const asked = spawnSync("python3", ["-E", "-s", "-c", PYTHON_FACTS_SCRIPT], { encoding: "utf8" });
    expect(parsePythonFacts(asked.stdout)).toMatchObject({
      path: expect.stringMatching(/^\/.*python/),
      version: expect.stringMatching(/^3\.\d+/),
    });
  });
});

describe("versions", () => {
  it.each([
    ["3.10.0", true],
    ["3.10", true],
    ["3.14.0rc1", true],
    ["4.0", true],
    ["3.9.18", false],
    ["2.7.18", false],
    ["", false],
  ])("%s is at least 3.10: %s", (version, yes) => expect(atLeast(version, 3, 10)).toBe(yes));
});

describe("compiling", () => {
  it("takes whole directories, or what a list names", () => {
    const start = ["/p/bin/python3", "/w/run_compileall.py", "4"];
    const argv = (what: Parameters<typeof compileArgv>[3]) =>
      compileArgv("/p/bin/python3", "/w/run_compileall.py", 4, what);
    expect(argv({ directories: ["/p/lib/python3.11"] })).toEqual([...start, "/p/lib/python3.11"]);
    expect(argv({ list: "/w/changed" })).toEqual([...start, "-i", "/w/changed"]);
  });

  it.each([
    ["files 20", { files: 20 }],
    ["compiled 100", { compiled: 100 }],
    ["compiled 100 ", undefined],
    ["compiled", undefined],
    ["", undefined],
  ])("progress of %j: %j", (line, progress) => expect(compileProgress(line)).toEqual(progress));
});
