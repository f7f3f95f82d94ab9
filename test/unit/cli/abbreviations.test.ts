import { describe, expect, it } from "vitest";
import { expandAbbreviations, type OptionShape } from "../../../src/cli/abbreviations.ts";

const option = (long: string | undefined, more: Partial<OptionShape> = {}): OptionShape => ({
  ...(long === undefined ? {} : { long }),
  value: "none",
  variadic: false,
  yields: false,
  ...more,
});
const OPTIONS = [
  option("--prefix", { value: "required" }),
  option("--pre-install", { value: "required" }),
  option("--post-install", { value: "required" }),
  option("--environ", { value: "required" }),
  option("--wrapper-paths", { value: "required", short: "-w" }),
  option("--mamba", { short: "-m" }),
  option("--uv"),
  option("--uv-python", { value: "required" }),
  option("--engine", { value: "required", yields: true }),
  option("--portable", { yields: true }),
  option("--json", { yields: true }),
  option("--just", { yields: true }),
  option("--with", { value: "required", variadic: true }),
  option("--colour", { value: "optional" }),
  option("--help", { short: "-h" }),
];
const expand = (...args: string[]) => expandAbbreviations(args, OPTIONS, false);
const expandTo = (args: string[]) => {
  const expanded = expand(...args);
  return "args" in expanded ? expanded.args : expanded.problem;
};

describe("an abbreviated option", () => {
  it.each<[string, string]>([
    ["--post", "--post-install"],
    ["--pre-", "--pre-install"],
    ["--pref", "--prefix"],
    ["--env", "--environ"],
    ["--wrapper", "--wrapper-paths"],
    ["--mam", "--mamba"],
    ["--h", "--help"],
    ["--wr=a,b", "--wrapper-paths=a,b"],
    ["--post=a=b", "--post-install=a=b"],
    ["--post=", "--post-install="],
  ])("%s is %s", (given, full) => {
    expect(expandTo([given])).toEqual([full]);
  });

  it("that an option is called exactly is that option, though others begin like it", () => {
    expect(expandTo(["--uv"])).toEqual(["--uv"]);
  });

  it("that several options begin like is refused with their names", () => {
    expect(expandTo(["--pre", "x"])).toBe("ambiguous option: --pre could match --prefix, --pre-install");
    expect(expandTo(["--p=x"])).toContain("--p could match --prefix, --pre-install, --post-install");
  });

  it("that an option of Tykky's begins like is that one, whatever we have added", () => {
    expect(expandTo(["--e", "x"])).toEqual(["--environ", "x"]);
    expect(expandTo(["--po", "x"])).toEqual(["--post-install", "x"]);
  });

  it("can be one of our additions, where only one of them begins like it", () => {
    expect(expandTo(["--eng", "x"])).toEqual(["--engine", "x"]);
    expect(expandTo(["--js"])).toEqual(["--json"]);
    expect(expandTo(["--j"])).toBe("ambiguous option: --j could match --json, --just");
  });

  it("that no option begins like stays as it is", () => {
    expect(expandTo(["--prefixes", "--Post", "-x"])).toEqual(["--prefixes", "--Post", "-x"]);
  });
});

describe("an option's value", () => {
  it("is never taken for an abbreviation", () => {
    expect(expandTo(["--prefix", "new", "--post", "--pre.sh x"])).toEqual([
      "--prefix",
      "new",
      "--post-install",
      "--pre.sh x",
    ]);
  });

  it.each([
    ["-wx", "x"],
    ["-w=x", "x"],
    ["-w=--uv", "--uv"],
    ["-w=", ""],
  ])("joined to a short option, %s, is %j", (given, value) => {
    expect(expandTo([given])).toEqual(["-w", value]);
  });

  it("may follow a group of short options", () => {
    expect(expandTo(["-mwx", "-mw", "y"])).toEqual(["-m", "-w", "x", "-m", "-w", "y"]);
  });

  it.each([
    ["--pref", "--mamba", /option --prefix needs a value, but --mamba follows; .* written --prefix=VALUE/],
    ["-w", "-m", /option -w needs a value, but -m follows; .* written -wVALUE/],
    ["--prefix", "--", /option --prefix needs a value, but -- follows/],
  ])("is not the option that follows: %s %s", (first, second, problem) => {
    expect(expandTo([first, second])).toMatch(problem);
  });

  it("may be a dash, a negative number, or begin with a dash where it is joined", () => {
    expect(expandTo(["--prefix", "-", "--post", "-1.5", "--env=-x"])).toEqual([
      "--prefix",
      "-",
      "--post-install",
      "-1.5",
      "--environ=-x",
    ]);
  });

  it("is refused where the option takes none", () => {
    expect(expandTo(["--mam=yes"])).toBe("option --mamba takes no value");
  });

  it("that may be left out is not the option that follows", () => {
    expect(expandTo(["--col", "--mam"])).toEqual(["--colour", "--mamba"]);
    expect(expandTo(["--col", "red"])).toEqual(["--colour", "red"]);
  });
});

describe("the end of the options", () => {
  it("is --", () => {
    expect(expandTo(["--mam", "--", "--mam"])).toEqual(["--mamba", "--", "--mam"]);
  });

  it("is not an operand, for a command that takes options everywhere", () => {
    expect(expandTo(["env.yml", "--mam"])).toEqual(["env.yml", "--mamba"]);
  });

  it("is the first operand, where a command of its own follows", () => {
    expect(expandAbbreviations(["--mam", "run", "--mam"], OPTIONS, true)).toEqual({
      args: ["--mamba", "run", "--mam"],
    });
    expect(expandAbbreviations(["--prefix", "p", "run", "--mam"], OPTIONS, true)).toEqual({
      args: ["--prefix", "p", "run", "--mam"],
    });
  });

  it("is not among the words of an option that takes several", () => {
    expect(expandAbbreviations(["--with", "a", "b", "--mam", "run", "--mam"], OPTIONS, true)).toEqual({
      args: ["--with", "a", "b", "--mamba", "run", "--mam"],
    });
  });
});
