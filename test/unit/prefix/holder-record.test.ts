import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  type HolderRecord,
  readHolderProcess,
  renderHolderRecord,
  runtimeVariables,
} from "../../../src/prefix/holder-record.ts";

const RECORD: HolderRecord = {
  pid: 4711,
  start: "123456",
  boot: "4e807803-ace8-4595-836b-264bc40f430d",
  nsenter: "/usr/bin/nsenter",
  changesDirectory: true,
  words: "/usr/bin/apptainer\n-H\n/home/o'brien\n$(touch pwned)",
  variables: {
    set: { SINGULARITY_NAME: "root", PS1: "it's `id`> " },
    pathEnd: ":/bin",
    librariesEnd: ":/.singularity.d/libs",
  },
};

describe("a holder's record", () => {
  it("says byte for byte in a shell what it was given, and runs nothing", () => {
    const lines = `__k_w_environment
printf "%s|" "$__k_w_pid" "$__k_w_words" "$PS1" "$__k_w_path_end" "$__k_w_end"
env`;
    const ran = spawnSync("dash", [], { input: renderHolderRecord(RECORD) + lines, encoding: "utf8" });
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toContain(`4711|${RECORD.words}|it's \`id\`> |:/bin|1|`);
    expect(ran.stdout).toContain("\nSINGULARITY_NAME=root\n");
  });

  it("tells its process; cut short or of another kind it tells nothing", () => {
    const text = renderHolderRecord(RECORD);
    expect(readHolderProcess(text)).toEqual({ pid: 4711, start: "123456", boot: RECORD.boot });
    for (const length of [0, 1, 20, text.length - 2])
      expect(readHolderProcess(text.slice(0, length))).toBeUndefined();
    expect(readHolderProcess("something else\n__k_w_end=1\n")).toBeUndefined();
  });
});

describe("what the runtime does to variables", () => {
  const told = { path: "/usr/bin:/bin", libraries: "/x" };
  const inside = (variables: Record<string, string>) =>
    new Map(Object.entries({ LD_LIBRARY_PATH: "/x", ...variables }));

  it("is what it sets itself, and what it puts at the end of others", () => {
    const seen = inside({
      HOME: "/home/me",
      SINGULARITY_NAME: "root",
      APPTAINER_BIND: "/etc",
      PROMPT_COMMAND: "x",
      USER_PATH: "/usr/bin:/bin:/sbin",
      LD_LIBRARY_PATH: "/x:/.singularity.d/libs",
    });
    expect(runtimeVariables(seen, told)).toEqual({
      set: { SINGULARITY_NAME: "root", APPTAINER_BIND: "/etc", PROMPT_COMMAND: "x" },
      pathEnd: ":/sbin",
      librariesEnd: ":/.singularity.d/libs",
    });
  });

  it("may be nothing at the end, and no USER_PATH", () => {
    expect(runtimeVariables(inside({}), told)).toEqual({ set: {}, pathEnd: undefined, librariesEnd: "" });
  });

  it("is not known when a value begins in another way, or a shell cannot set the name", () => {
    expect(runtimeVariables(inside({ USER_PATH: "/sbin" }), told)).toBeUndefined();
    expect(runtimeVariables(inside({ LD_LIBRARY_PATH: "/.singularity.d/libs:/x" }), told)).toBeUndefined();
    expect(runtimeVariables(new Map(), told)).toBeUndefined();
    expect(runtimeVariables(inside({ "SINGULARITY_a.b": "x" }), told)).toBeUndefined();
  });
});
