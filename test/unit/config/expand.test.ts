// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import { describe, expect, it } from "vitest";
import { configVariables, expand } from "../../../src/config/expand.ts";

const facts = { architecture: "aarch64", hostname: "login1", user: "ann" };
const variables = configVariables(
  { A: "one", EMPTY: "", CODE: "$(touch /tmp/x) $A `id`", KAPSELI_ARCH: "mine" },
  "/home/ann",
  "/here",
  facts,
);

describe("variables in configuration values", () => {
  it.each([
    ["$A", "one"],
    ["${A}/x", "one/x"],
    ["$A$A-${A}", "oneone-one"],
    ["$PWD $HOME", "/here /home/ann"],
    ["${EMPTY}|$EMPTY|", "||"],
    ["${EMPTY:-two}", "two"],
    ["${NONE:-}", ""],
    ["${NONE:-x/$A}", "x/one"],
    ["${A:-two}", "one"],
    ["$(uname -m)", "aarch64"],
    ["/x/$( uname  -m )/y", "/x/aarch64/y"],
    ["$KAPSELI_ARCH $KAPSELI_HOSTNAME $KAPSELI_USER", "aarch64 login1 ann"],
    ["$(hostname) $(whoami) $(id -un) $(pwd)", "login1 ann ann /here"],
    ["no variables: 100% ~ *", "no variables: 100% ~ *"],
  ])("%j is %j", (text, wanted) => {
    expect(expand(text, variables)).toEqual({ text: wanted, unset: [], problems: [] });
  });

  it.each([
    ["$$A", "$A"],
    ["\\$A", "$A"],
    ["\\`id\\`", "`id`"],
    ["$$(id)", "$(id)"],
    ["$5 a$ $-", "$5 a$ $-"],
    ["\\n\\\\", "\\n\\\\"],
  ])("are not seen where they are protected: %j is %j", (text, wanted) => {
    expect(expand(text, variables)).toEqual({ text: wanted, unset: [], problems: [] });
  });

  it("are put in once: what a value holds is not looked at again", () => {
    expect(expand("$CODE ${NONE:-$CODE}", variables)).toEqual({
      text: "$(touch /tmp/x) $A `id` $(touch /tmp/x) $A `id`",
      unset: [],
      problems: [],
    });
  });

  it("that are not set are named, each once", () => {
    expect(expand("$NOT/${NOR}/$NOT/$toString", variables).unset).toEqual(["NOT", "NOR", "toString"]);
  });

  it.each([
    ["$(id)", "$(id)"],
    ["x$(uname -a)", "$(uname -a)"],
    ["`uname -m`", "`uname -m`"],
    ["$(dirname $(pwd))", "$(dirname $(pwd))"],
    ["$((1+1))", "$((1+1))"],
    ["$(constructor)", "$(constructor)"],
    ["`", "`"],
  ])("that are commands are refused with what to use instead: %s", (text, shown) => {
    const { problems } = expand(text, variables);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`\`${shown}\` is not run`);
    expect(problems[0]).toContain("$(uname -m)");
  });

  it.each(["${A%b}", "${A:-$(id)}", "${}", "${A", "${!A}"])(
    "in other forms of a shell are refused: %s",
    (text) => {
      const { problems } = expand(text, variables);
      expect(problems[0]).toContain("is not understood: use ${NAME} or ${NAME:-text}");
    },
  );
});

describe("HOME", () => {
  it.each([{}, { HOME: "" }])("is the account's where it is %j", (environment) => {
    expect(configVariables(environment, "/home/ann", "/", undefined).HOME).toBe("/home/ann");
  });
});
