import { describe, expect, it } from "vitest";
import { type ConfigSources, resolveConfig } from "../../../src/config/resolve.ts";

const FILE = "/etc/kapseli.yaml";
const resolve = (text: string | undefined, over: Partial<ConfigSources> = {}) =>
  resolveConfig({
    ...(text === undefined ? {} : { site: { file: FILE, text } }),
    environment: {},
    home: "/home/u",
    cwd: "/here",
    flags: {},
    ...over,
  });
const problems = (text: string, over: Partial<ConfigSources> = {}) => {
  try {
    resolve(text, over);
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("without anything said", () => {
  it("holds what is built in, for this user and directory", () => {
    const { config, warnings } = resolve(undefined);
    expect(config).toMatchObject({
      container_src: { value: "host", origin: { from: "default" } },
      conda_engine: { value: "auto" },
      cache_directory: { value: "/home/u/.cache/kapseli" },
      installation_prefix: { value: "/here" },
    });
    expect(warnings).toEqual([]);
  });

  it.each([
    [{ XDG_CACHE_HOME: "/x" }, "/x/kapseli"],
    [{ XDG_CACHE_HOME: "" }, "/home/u/.cache/kapseli"],
    [{ XDG_CACHE_HOME: "/x", KAPSELI_CACHE: "/y" }, "/y"],
  ])("caches with %j in %s", (environment, value) =>
    expect(resolve(undefined, { environment }).config.cache_directory.value).toBe(value),
  );
});

describe("later sources hold over earlier ones, each value knowing its origin", () => {
  const flag = (value: unknown) => ({ build_tmpdir_base: { value, flag: "--tmpdir" } });
  const site = "defaults:\n  build_tmpdir_base: /site\n";
  const forced = `${site}force:\n  build_tmpdir_base: /forced\n`;
  const environment = { CW_BUILD_TMPDIR: "/env" };
  const fromSite = { from: "site", file: FILE };

  it.each<[string, string | undefined, Partial<ConfigSources>, string, object]>([
    ["the site's default", site, {}, "/site", { ...fromSite, line: 2, section: "defaults" }],
    ["a flag over it", site, { flags: flag("/flag") }, "/flag", { from: "flag", flag: "--tmpdir" }],
    [
      "the site's force over a flag",
      forced,
      { flags: flag("/flag") },
      "/forced",
      { ...fromSite, line: 4, section: "force" },
    ],
    [
      "CW_BUILD_TMPDIR over the site",
      forced,
      { environment },
      "/env",
      { from: "environment", variable: "CW_BUILD_TMPDIR" },
    ],
    ["a flag over CW_BUILD_TMPDIR", site, { environment, flags: flag("/flag") }, "/flag", { from: "flag" }],
    [
      "an empty CW_BUILD_TMPDIR is none",
      site,
      { environment: { CW_BUILD_TMPDIR: "" } },
      "/site",
      { from: "site" },
    ],
  ])("%s", (_what, text, over, value, origin) => {
    const { build_tmpdir_base } = resolve(text, over).config;
    expect(build_tmpdir_base.value).toBe(value);
    expect(build_tmpdir_base.origin).toMatchObject(origin);
  });
});

describe("a site file", () => {
  it.each([
    ["numbers where text is meant", "defaults: {container_src: 3}", "container_src", "3"],
    ["lists", "defaults: {excluded_mount_points: [/a, 7]}", "excluded_mount_points", ["/a", "7"]],
    ["anchors", "x: &x [/a]\ndefaults: {excluded_mount_points: *x}", "excluded_mount_points", ["/a"]],
    ["CRLF", "defaults:\r\n  max_num_cpus: 4\r\n", "max_num_cpus", 4],
  ] as const)("may have %s", (_what, text, key, value) =>
    expect(resolve(text).config[key].value).toEqual(value),
  );

  it.each(["", "# nothing yet\n", "defaults:\n", "prepends:\nappends: {}\n"])("may say nothing: %j", (text) =>
    expect(resolve(text).warnings).toEqual([]),
  );

  it("is warned about where it has keys and sections that nobody knows", () => {
    const { warnings } = resolve("defaults:\n  conda_engin: mamba\nsection:\n  a: 1\nforce: {b: 2}\n");
    expect(warnings).toEqual([
      `${FILE}:2: unknown key \`conda_engin\`: did you mean conda_engine? (hook scripts see it)`,
      `${FILE}:3: unknown section \`section\``,
      `${FILE}:5: unknown key \`b\` (hook scripts see it)`,
    ]);
  });

  it("has all its errors told at once, each with its line", () => {
    const error = problems(
      "defaults:\n  max_num_cpus: none\n  conda_engine: apt\nforce:\n  excluded_mount_points: /a\n  max_num_cpus: 0\n",
    );
    expect(error).toMatchObject({
      code: 3,
      message: expect.stringContaining(`${FILE}:2: max_num_cpus: `),
      details: {
        others: [
          expect.stringContaining(`${FILE}:3: conda_engine: `),
          expect.stringContaining(`${FILE}:5: excluded_mount_points: `),
          expect.stringContaining(`${FILE}:6: max_num_cpus: `),
        ],
        hint: expect.stringContaining("CW_GLOBAL_YAML"),
      },
    });
  });

  it.each([
    ["wrong YAML", "defaults:\n  a: [\n", `${FILE}:`],
    ["a key twice", "defaults:\n  max_num_cpus: 1\n  max_num_cpus: 2\n", `${FILE}:3: `],
    ["a list", "- a\n", `${FILE}:1: expected a mapping`],
    ["a text below a section", "force: yes\n", `${FILE}:1: expected a mapping below force`],
  ])("with %s is refused with the line", (_what, text, message) =>
    expect(problems(text)).toMatchObject({ code: 3, message: expect.stringContaining(message) }),
  );

  it("with an alias bomb is an error, not a memory full of text", () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `a${level + 1}: &a${level + 1} [${Array(9).fill(`*a${level}`).join(", ")}]`,
    );
    const text = `a0: &a0 x\n${levels.join("\n")}\ndefaults:\n  excluded_mount_points: *a9\n`;
    expect(problems(text)).toMatchObject({
      code: 3,
      message: expect.stringMatching(/:2: the YAML aliases .*"alias bomb"/),
    });
  });
});

describe("a flag with a wrong value", () => {
  it("is an error of usage that names the flag", () => {
    const flags = { conda_engine: { value: "apt", flag: "--engine" } };
    expect(problems("", { flags })).toMatchObject({ code: 2, message: expect.stringMatching(/^--engine: /) });
  });
});
