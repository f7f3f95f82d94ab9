import { describe, expect, it } from "vitest";
import {
  changedNames,
  classifyChanges,
  parseEnvironment,
  pathAdditions,
} from "../../../src/prefix/activation.ts";

const S = "/kapseli-sentinel";
const variables = (values: Record<string, string>) => new Map(Object.entries(values));

describe("the output of env -0", () => {
  it.each([
    ["A=1\0B=2\0", { A: "1", B: "2" }],
    ["A=x=y\0", { A: "x=y" }],
    ["A=two\nlines\0B=\0", { A: "two\nlines", B: "" }],
    ["A=1\0A=2\0", { A: "2" }],
    ["=odd\0no-equals\0\0", {}],
    ["", {}],
  ])("%j", (text, values) => expect(parseEnvironment(text)).toEqual(variables(values)));
});

describe("what activation changed", () => {
  it("is what is new, other or gone, sorted", () => {
    const before = variables({ KEPT: "1", OTHER: "1", GONE: "1" });
    const after = variables({ KEPT: "1", OTHER: "2", NEW: "3" });
    expect(changedNames(before, after)).toEqual(["GONE", "NEW", "OTHER"]);
  });

  it("is not what belongs to the shell, the runtime or the launcher", () => {
    const after = variables({
      PATH: "/x",
      PWD: "/",
      SHLVL: "2",
      _: "env",
      SINGULARITY_NAME: "x",
      APPTAINERENV_A: "x",
      KAPSELI_X: "x",
      "BASH_FUNC_f%%": "() { :; }",
      "not-a-name": "x",
      "1A": "x",
      CONDA_PREFIX: "/p",
    });
    expect(changedNames(new Map(), after)).toEqual(["CONDA_PREFIX"]);
  });
});

describe("how a variable changes, seen from two runs", () => {
  const classify = (plain: string | undefined, probed: string | undefined) =>
    classifyChanges(
      ["V"],
      variables(plain === undefined ? {} : { V: plain }),
      variables(probed === undefined ? {} : { V: probed }),
      S,
    );

  it.each([
    ["the same value whatever was there", "x", "x", { change: "set", value: "x" }],
    ["an empty value", "", "", { change: "set", value: "" }],
    ["a value before the caller's", "/a:", `/a:${S}`, { change: "prepend", value: "/a" }],
    ["two values before it", "/a:/b", `/a:/b:${S}`, { change: "prepend", value: "/a:/b" }],
    ["a value behind it", "/a", `${S}:/a`, { change: "append", value: "/a" }],
    ["a value only where there is none", "x", S, { change: "default", value: "x" }],
    ["taken away", undefined, undefined, { change: "unset" }],
    ["taken away only where there was one", "x", undefined, { change: "set", value: "x" }],
    ["something else around the caller's value", "a b", `a ${S} b`, { change: "set", value: "a b" }],
  ])("%s", (_what, plain, probed, change) =>
    expect(classify(plain, probed)).toEqual([{ name: "V", ...change }]),
  );

  it("left alone where the caller has a value, and not made where he has none", () => {
    expect(classify(undefined, S)).toEqual([]);
  });
});

describe("what activation added to PATH", () => {
  it.each([
    ["/p/bin:/usr/bin", "/p/bin:/p/bin:/usr/bin", []],
    ["/p/bin:/usr/bin", "/p/libexec/x:/p/bin:/usr/bin", ["/p/libexec/x"]],
    ["/usr/bin", "/a:/p/bin:/b::/usr/bin", ["/a", "/b"]],
  ])("from %s to %s", (before, after, added) => {
    const changes = pathAdditions("/p", variables({ PATH: before }), variables({ PATH: after }));
    expect(changes.map((change) => change.change !== "unset" && change.value.split(":"))).toEqual(
      added.length === 0 ? [] : [added],
    );
  });
});
