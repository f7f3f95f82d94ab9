import { expect, it } from "vitest";
import { hookVariables } from "../../../src/config/hook-variables.ts";
import { resolveConfig } from "../../../src/config/resolve.ts";

const variablesOf = (text: string): Record<string, string> => {
  const { config, custom } = resolveConfig({
    site: { file: "/s.yaml", text },
    environment: {},
    home: "/home/u",
    cwd: "/here",
    flags: {},
  });
  return hookVariables(config, custom);
};

it("gives hook scripts every key with one value", () => {
  expect(variablesOf("defaults: {env_name: my env, isolate: true, max_num_cpus: 3}")).toMatchObject({
    CW_ENV_NAME: "my env",
    CW_ISOLATE: "yes",
    CW_WRAP_ALL: "no",
    CW_MAX_NUM_CPUS: "3",
    CW_WORKDIR: "/here",
    CW_SQFS_OPTIONS: "-noappend",
  });
});

it("gives them a site's own keys, as they are written", () => {
  expect(
    variablesOf("defaults: {My_Key: x y, release: 3.10, flag: true, word: yes, number: 7}"),
  ).toMatchObject({
    CW_MY_KEY: "x y",
    CW_RELEASE: "3.10",
    CW_FLAG: "yes",
    CW_WORD: "yes",
    CW_NUMBER: "7",
  });
});

it("leaves out lists, mappings, keys without a value, and names that no variable can have", () => {
  const variables = variablesOf(
    'defaults: {mount_points: [/a], list: [a], map: {a: b}, "a-b": c, "a b": c, "x=y": c, nul: "\\0"}',
  );
  const names = Object.keys(variables);
  expect(names.filter((name) => !/^CW_[A-Z0-9_]+$/.test(name))).toEqual([]);
  for (const name of ["CW_MOUNT_POINTS", "CW_LIST", "CW_MAP", "CW_PYVER", "CW_WRAPPER_PATHS", "CW_NUL"]) {
    expect(names).not.toContain(name);
  }
});
