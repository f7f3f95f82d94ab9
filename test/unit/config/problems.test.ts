// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
import { describe, expect, it } from "vitest";
import { type ConfigSources, examineConfig, resolveConfig } from "../../../src/config/resolve.ts";
import type { KapseliError } from "../../../src/errors.ts";

const sources = (site: string | undefined, over: Partial<ConfigSources> = {}): ConfigSources => ({
  ...(site === undefined ? {} : { site: { file: "/s.yaml", text: site } }),
  environment: {},
  home: "/home/u",
  cwd: "/here",
  flags: {},
  ...over,
});
const warningsOf = (site: string, over: Partial<ConfigSources> = {}) =>
  resolveConfig(sources(site, over)).warnings;
/** All errors, in order. */
const errorsOf = (site: string | undefined, over: Partial<ConfigSources> = {}): string[] => {
  try {
    resolveConfig(sources(site, over));
  } catch (error) {
    const { code, message, details } = error as KapseliError;
    expect(code).toBe(3);
    return [message, ...(details.others ?? [])];
  }
  return [];
};
const user = (text: string, strict = true) => ({ user: { file: "/u.yaml", text, strict } });

describe("errors of configuration files", () => {
  it("are told at once, of all files, with their lines", () => {
    const site = "defaults:\n  max_num_cpus: many\n  env_name: $(id)\nappends:\n  container_src: x\n";
    expect(errorsOf(site, user("mode: apt\nisolate: maybe\n"))).toEqual([
      "/s.yaml:2: max_num_cpus: expected a whole number, 1 or more, found `many`",
      expect.stringMatching(/^\/s\.yaml:3: env_name: `\$\(id\)` is not run: use .*\$\(uname -m\)/),
      "/s.yaml:5: container_src takes one value, and appends adds to lists: put it below defaults or force",
      "/u.yaml:1: mode: expected one of conda, venv, wrapcont, wrapdisk, found `apt`",
      "/u.yaml:2: isolate: expected yes or no, found `maybe`",
    ]);
  });

  it("say which file to correct", () => {
    const hintOf = (over: ConfigSources): string | undefined => {
      try {
        resolveConfig(over);
      } catch (error) {
        return (error as KapseliError).details.hint;
      }
      return undefined;
    };
    expect(hintOf(sources("", user("mode: apt")))).toBe("Correct /u.yaml.");
    expect(hintOf(sources("force: 5"))).toContain("CW_GLOBAL_YAML");
  });

  it.each([
    [
      "a list where a text is meant",
      "defaults:\n  env_name: [a]",
      ":2: env_name: expected a text, found a list",
    ],
    [
      "true where a text is meant",
      "defaults: {env_name: true}",
      ":1: env_name: expected a text, found `true`",
    ],
    [
      "an item of a list",
      "defaults:\n  mount_points:\n    - /a\n    - {b: c}\n",
      ":4: mount_points: expected a list of texts that are not empty, found a mapping",
    ],
    [
      "an empty item",
      "defaults:\n  mount_points:\n    - /a\n    -\n",
      ":4: mount_points: expected a list of texts that are not empty, found nothing",
    ],
    ["a fraction", "defaults: {num_cpus: 1.5}", ":1: num_cpus: expected a whole number"],
    ["a negative number", "defaults: {log_level: -1}", ":1: log_level: expected a whole number, 0 or more"],
    ["a NUL", 'defaults: {env_name: "a\\0b"}', ":1: env_name: expected a text"],
    [
      "a quote that is not closed",
      'defaults: {sqfs_options: "-p \'a"}',
      ":1: sqfs_options: expected a list of texts that are not empty, or one text with blanks in which every quote is closed",
    ],
    [
      "a relative path",
      "defaults: {build_tmpdir_base: tmp/x}",
      ":1: build_tmpdir_base: path is not absolute: `tmp/x`",
    ],
    [
      "a variable's name that is none",
      "force:\n  extra_envs:\n    - {name: A B, value: x}\n",
      ":3: extra_envs: expected a list",
    ],
    [
      "an item with a wrong key",
      "force:\n  pre_install:\n    - ok\n    - {fil: x}\n",
      ":4: pre_install: expected a list",
    ],
    ["a merge key", "x: &x {env_name: a}\ndefaults:\n  <<: *x\n", ":3: merge keys (<<) are not understood"],
    [
      "a key twice in an item",
      "force:\n  extra_envs:\n    - name: A\n      name: B\n      value: x\n",
      ":4: the key `name` is given twice",
    ],
    ["an alias without an anchor", "defaults: {env_name: *x}", ":1: "],
    ["an alias of itself", "defaults:\n  own: &x [*x]\n", ":2: own: the value is too large"],
    ["a tab", "defaults:\n\tenv_name: x\n", ":2: a TAB is used for indentation"],
    ["two documents", "defaults: {}\n---\nforce: {}\n", ":2: expected one YAML document"],
  ])("with %s", (_what, text, message) => {
    expect(errorsOf(text)[0]).toContain(`/s.yaml${message}`);
  });
});

describe("a variable that is not set", () => {
  it("is an error that names it, the key and the line, in lists too", () => {
    expect(errorsOf("defaults:\n  env_name: $NAME\n  mount_points:\n    - /a\n    - ${WHERE}/b\n")).toEqual([
      "/s.yaml:2: env_name: the variable NAME is not set",
      "/s.yaml:5: mount_points: the variable WHERE is not set",
    ]);
  });

  it("does not matter where another value counts", () => {
    const site = "defaults: {env_name: $NAME, max_num_cpus: $CPUS}\n";
    expect(errorsOf(`${site}force: {max_num_cpus: 2}`, user("env_name: mine", false))).toEqual([]);
  });

  it("is left out of build_tmpdir_base, ten times", () => {
    const base = (text: string) => examineConfig(sources(`defaults: {build_tmpdir_base: "${text}"}`));
    expect(base("$TMPDIR").config.build_tmpdir_base.value).toBe("");
    expect(base("$NOT_SET/tmp").config.build_tmpdir_base.value).toBe("/tmp");
    const many = (count: number) => `/${Array.from({ length: count }, (_, index) => `$V${index}`).join("")}`;
    expect(base(many(10)).unset).toEqual([]);
    expect(base(many(11)).unset).toEqual(["/s.yaml:1: build_tmpdir_base: the variable V10 is not set"]);
  });
});

describe("warnings", () => {
  it("name keys that nobody knows, and what was meant", () => {
    expect(warningsOf("defaults:\n  own_key: 1\n  mountpoints: [/a]\n")).toEqual([
      "/s.yaml:2: unknown key `own_key` (hook scripts see it)",
      "/s.yaml:3: unknown key `mountpoints`: did you mean mount_points? (hook scripts see it)",
    ]);
  });

  it("are notes where they are of no use to whoever only builds", () => {
    const { warnings, notes } = resolveConfig(
      sources("defaults:\n  own_key: 1\nforced: {}\n", user("mine: 1", false)),
    );
    expect(warnings).toHaveLength(3);
    expect(notes).toEqual([
      "/s.yaml:2: unknown key `own_key` (hook scripts see it)",
      "/u.yaml:1: unknown key `mine` (hook scripts see it)",
    ]);
  });

  it("name keys outside the sections, and misspelt sections", () => {
    expect(warningsOf("container_src: x\nforced: {env_name: a}\n")).toEqual([
      "/s.yaml:1: container_src stands outside the sections and does nothing: put it below defaults",
      "/s.yaml:2: unknown section `forced`: did you mean force?",
    ]);
  });

  it("name keys that have no effect, where they ask for something else than is done", () => {
    const facts = { architecture: "aarch64", hostname: "h", user: "u" };
    const site = (version: string, arch: string) =>
      `defaults:\n  conda_version: ${version}\n  conda_arch: ${arch}\n  source_mount_point: /TMP_MP\n`;
    expect(warningsOf(site("latest", "Linux-$(uname -m)"), { facts })).toEqual([]);
    expect(warningsOf(site("4.9.2", "Linux-x86_64"), { facts })).toEqual([
      expect.stringMatching(/^\/s\.yaml:2: conda_version has no effect: .*conda_engine/),
      expect.stringMatching(/^\/s\.yaml:3: conda_arch has no effect: /),
    ]);
  });

  it("name a key that counts although it says no, and one without a value", () => {
    expect(warningsOf("defaults:\n  enable_site_packages: no\n  env_name:\n")).toEqual([
      "/s.yaml:2: enable_site_packages counts as yes because it is there: leave it out for no",
      "/s.yaml:3: env_name has no value and stays as it is",
    ]);
  });
});

describe("the YAML of advanced", () => {
  it("may not have unknown keys", () => {
    expect(errorsOf("", user("mode: conda\nenv_fil: a\ndefaults: {}\n"))).toEqual([
      "/u.yaml:2: unknown key `env_fil`: did you mean env_file?",
      "/u.yaml:3: unknown key `defaults`",
    ]);
  });

  it.each([
    ["", "/u.yaml: mode is missing: it says what is built (conda, venv, wrapcont, wrapdisk)"],
    ["mode: conda", "/u.yaml: env_file is missing: mode conda needs it"],
    ["mode: venv", "/u.yaml: requirements_file is missing: mode venv needs it"],
    [
      "mode: wrapcont\nwrapper_paths: []\ncontainer_src: a",
      "/u.yaml: wrapper_paths is missing: mode wrapcont needs it",
    ],
    ["mode: wrapdisk\nwrapper_paths: bin", "/u.yaml: wrap_src is missing: mode wrapdisk needs it"],
  ])("%j lacks a key", (text, message) => expect(errorsOf("", user(text))).toEqual([message]));

  it("has what a site cannot know from the user", () => {
    expect(
      errorsOf("defaults: {container_src: /site.sif}", user("mode: wrapcont\nwrapper_paths: bin")),
    ).toEqual(["/u.yaml: container_src is missing: mode wrapcont needs it"]);
  });

  it.each(["mode: conda\nenv_file: e.yml", "mode: venv\nupdate_installation: yes"])(
    "%j is complete",
    (text) => {
      expect(errorsOf("", user(text))).toEqual([]);
    },
  );

  it("of -y may have what it likes", () => {
    expect(warningsOf("", user("own: 1", false))).toEqual([
      "/u.yaml:1: unknown key `own` (hook scripts see it)",
    ]);
  });

  it("is a mapping", () => {
    expect(errorsOf("", user("- mode: conda"))[0]).toBe(
      "/u.yaml:1: expected a mapping of configuration keys",
    );
  });
});
