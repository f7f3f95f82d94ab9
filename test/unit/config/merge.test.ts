// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import { describe, expect, it } from "vitest";
import type { KeyName } from "../../../src/config/keys.ts";
import { originText } from "../../../src/config/origin.ts";
import { type ConfigSources, resolveConfig } from "../../../src/config/resolve.ts";

const resolve = (site: string, user?: string, over: Partial<ConfigSources> = {}) =>
  resolveConfig({
    site: { file: "/s.yaml", text: site },
    ...(user === undefined ? {} : { user: { file: "/u.yaml", text: user } }),
    environment: {},
    home: "/home/u",
    cwd: "/here",
    flags: {},
    ...over,
  });
/** A setting as a value and the words that say where it is from. */
const setting = (key: KeyName, ...sources: Parameters<typeof resolve>): [unknown, string] => {
  const { value, origin } = resolve(...sources).config[key];
  return [value, originText(origin)];
};

describe("lists that a site adds to", () => {
  const DEFAULTS = "defaults: {mount_points: [/d]}\n";
  const PREPENDS = "prepends: {mount_points: [/p]}\n";
  const APPENDS = "appends: {mount_points: [/a]}\n";
  const USER = "mount_points: [/u]";
  const S = "/s.yaml";

  it.each<[string, string, string | undefined, string[], string]>([
    ["defaults", DEFAULTS, undefined, ["/d"], `${S}:1 (defaults)`],
    ["a user's instead of defaults", DEFAULTS, USER, ["/u"], "/u.yaml:1"],
    [
      "prepends before defaults",
      DEFAULTS + PREPENDS,
      undefined,
      ["/p", "/d"],
      `${S}:2 (prepends) + ${S}:1 (defaults)`,
    ],
    ["prepends before a user's", DEFAULTS + PREPENDS, USER, ["/p", "/u"], `${S}:2 (prepends) + /u.yaml:1`],
    ["prepends alone", PREPENDS, undefined, ["/p"], `${S}:1 (prepends)`],
    [
      "appends after defaults",
      DEFAULTS + APPENDS,
      undefined,
      ["/d", "/a"],
      `${S}:1 (defaults) + ${S}:2 (appends)`,
    ],
    ["appends after a user's", APPENDS, USER, ["/u", "/a"], `/u.yaml:1 + ${S}:1 (appends)`],
    [
      "all of them",
      DEFAULTS + PREPENDS + APPENDS,
      USER,
      ["/p", "/u", "/a"],
      `${S}:2 (prepends) + /u.yaml:1 + ${S}:3 (appends)`,
    ],
    [
      "force instead of all",
      `${DEFAULTS + PREPENDS + APPENDS}force: {mount_points: [/f]}`,
      USER,
      ["/f"],
      `${S}:4 (force)`,
    ],
    ["a user's empty list", DEFAULTS + PREPENDS, "mount_points: []", ["/p"], `${S}:2 (prepends) + /u.yaml:1`],
  ])("%s", (_what, site, user, value, origin) => {
    expect(setting("mount_points", site, user)).toEqual([value, origin]);
  });

  it("add to a built-in one", () => {
    expect(setting("sqfs_options", "appends: {sqfs_options: -comp 'lz4'}")).toEqual([
      ["-noappend", "-comp", "lz4"],
      "built in + /s.yaml:1 (appends)",
    ]);
  });

  it("may be a site's own", () => {
    const site = "defaults: {own: [1]}\nprepends: {own: [0], other: [x]}\nappends: {own: [2], one: 5}";
    expect(resolve(site).custom).toMatchObject({
      own: { value: [0, 1, 2] },
      other: { value: ["x"] },
      one: { value: 5, origin: { section: "appends" } },
    });
  });

  it.each(["prepends", "appends"])("are no single values: %s", (section) => {
    expect(() => resolve(`${section}:\n  env_name: x\n`)).toThrow(
      `/s.yaml:2: env_name takes one value, and ${section} adds to lists`,
    );
  });
});

describe("what a user says", () => {
  const implied = { isolate: { value: true, flag: "wrap-container" } };
  const flags = { wrapper_paths: { value: "b,c", flag: "-w", add: true } };

  it("in a file goes before what the command line implies and before defaults", () => {
    const site = "defaults: {isolate: yes, env_name: site}";
    expect(setting("isolate", site, "isolate: no", { implied })).toEqual([false, "/u.yaml:1"]);
    expect(setting("isolate", "", "", { implied })).toEqual([true, "wrap-container"]);
    expect(setting("env_name", site, "env_name: mine")).toEqual(["mine", "/u.yaml:1"]);
  });

  it("by an option goes before the file, or is added to its list", () => {
    const option = { env_name: { value: "flagged", flag: "--name" } };
    expect(setting("env_name", "", "env_name: mine", { flags: option })).toEqual(["flagged", "--name"]);
    expect(setting("wrapper_paths", "", "wrapper_paths: [a]", { flags })).toEqual([
      ["a", "b", "c"],
      "/u.yaml:1 + -w",
    ]);
    expect(setting("wrapper_paths", "defaults: {wrapper_paths: [s]}", undefined, { flags })).toEqual([
      ["b", "c"],
      "-w",
    ]);
  });

  it("by an option is not expanded: the user's shell has done that", () => {
    const option = { installation_prefix: { value: "/a/$b/`c`", flag: "--prefix" } };
    expect(setting("installation_prefix", "", undefined, { flags: option })[0]).toBe("/a/$b/`c`");
  });

  it("gives way to force", () => {
    expect(setting("env_name", "force: {env_name: site}", "env_name: mine")).toEqual([
      "site",
      "/s.yaml:1 (force)",
    ]);
  });
});

describe("CW_LOG_LEVEL", () => {
  const site = "force: {log_level: 1}";
  it.each([
    [undefined, 1],
    ["", 1],
    ["3", 3],
    ["0", 0],
    ["-1", 0],
    ["7", 7],
  ])("%j beats even force: %d", (level, value) => {
    expect(resolve(site, undefined, { environment: { CW_LOG_LEVEL: level } }).config.log_level.value).toBe(
      value,
    );
  });

  it("that is no number is warned about", () => {
    const { config, warnings } = resolve(site, undefined, { environment: { CW_LOG_LEVEL: "loud" } });
    expect(config.log_level.value).toBe(1);
    expect(warnings).toEqual([expect.stringContaining("CW_LOG_LEVEL")]);
  });
});

describe("values", () => {
  it.each<[string, KeyName, unknown]>([
    ["isolate: yes", "isolate", true],
    ["isolate: No", "isolate", false],
    ["isolate: 'TRUE'", "isolate", true],
    ["isolate: off", "isolate", false],
    ["pyver: 3.10", "pyver", "3.10"],
    ["env_name: 007", "env_name", "007"],
    ["max_num_cpus: $CPUS", "max_num_cpus", 6],
    ["isolate: $YES", "isolate", true],
    ["conda_engine: ${ENGINE:-rattler}", "conda_engine", "rattler"],
    ["installation_prefix: $PWD/x", "installation_prefix", "/here/x"],
    ["wrapper_paths: a, b ,,c", "wrapper_paths", ["a", "b", "c"]],
    ["wrapper_paths: [a, 'b,c']", "wrapper_paths", ["a", "b,c"]],
    ["mount_points:", "mount_points", []],
    ["enable_site_packages:", "enable_site_packages", true],
    ["add_ld: no", "add_ld", false],
    ["env_name: e1", "add_ld", undefined],
    ["env_name: e1", "num_cpus", undefined],
    ["env_name: e1", "installation_path", undefined],
    ["post_install: [echo $HOME `id`, {file: $A}]", "post_install", ["echo $HOME `id`", { file: "$A" }]],
    [
      "extra_envs: [{name: A, value: $B, type: set}, {name: C, value: 1.10}, {name: D, value: x, type: append}, {name: E, value: x, type: 5}, {file: /x}]",
      "extra_envs",
      [
        { name: "A", value: "$B", type: "set" },
        { name: "C", value: "1.10", type: "prepend" },
        { name: "D", value: "x", type: "append" },
        { name: "E", value: "x", type: "prepend" },
        { file: "/x" },
      ],
    ],
  ])("%s", (text, key, value) => {
    const environment = { CPUS: "6", YES: "yes" };
    const { config, warnings } = resolve("", text, { environment });
    expect(config[key].value).toEqual(value);
    expect(warnings).toEqual([]);
  });

  it("may ask for the architecture", () => {
    const facts = { architecture: "aarch64", hostname: "h", user: "u" };
    expect(
      setting("container_src", "defaults: {container_src: /i/$(uname -m).sif}", undefined, { facts })[0],
    ).toBe("/i/aarch64.sif");
  });

  it("are a user's own below names of every kind", () => {
    const { custom } = resolve("", '__proto__: a\nconstructor: b\n"a b": c\n');
    expect(Object.entries(custom).map(([name, { value }]) => [name, value])).toEqual([
      ["__proto__", "a"],
      ["constructor", "b"],
      ["a b", "c"],
    ]);
  });
});
