import { chmodSync, chownSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  build,
  call,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  listing,
  newPlace,
  type Place,
  put,
  putEnv,
} from "../support/builds.ts";
import { ordinary, runAs } from "../support/real.ts";

/** What people and sites put into directory names, all at once. */
const ODD = "a b:c,d'e`f$(touch pwned)gäö";

let place: Place;
beforeAll(() => {
  place = newPlace(ordinary());
  putEnv(place, "kapseli-binary-prefix, kapseli-activate");
  put(place, "requirements.txt", "cowsay\n");
});
afterAll(() => place?.[Symbol.dispose]());

const conda = (...args: string[]) => build(place, "conda-containerize", ["--engine", "rattler", ...args]);

describe("a prefix whose path", () => {
  it("has a space is refused for conda packages, with the reason", () => {
    const refused = conda("--prefix", "with space", "env.yml");
    expectRefused(refused, 3, "with space", "space", "--prefix");
    expectNothingLeft(place, join(place.directory, "with space"));
  });

  it.each([["pip"], ["uv"]])("has a space works for %s", (engine) => {
    const name = `with space ${engine}`;
    const flags = engine === "uv" ? ["--uv"] : [];
    expectBuilt(place, build(place, "pip-containerize", [...flags, "--prefix", name, "requirements.txt"]));
    const bin = join(place.directory, name, "bin");
    expect(call(place, [join(bin, "cowsay"), "-t", "moo"]).stdout).toContain("moo");
    expect(call(place, [join(bin, "python3"), "-c", "import sys; print(sys.prefix)"]).stdout).toBe(
      `${join(place.directory, name)}\n`,
    );
  });

  it("is not ASCII works", () => {
    expectBuilt(place, conda("--prefix", "ympäristö-環境", "env.yml"));
    const program = join(place.directory, "ympäristö-環境/bin/kapseli-binary-prefix");
    expect(call(place, [program]).stdout).toContain("ympäristö-環境");
  });

  it.each([
    ["a quote", "it's"],
    ["a double quote", 'say "hi"'],
    ["a dollar", "$(touch pwned)"],
    ["a backquote", "`touch pwned`"],
    ["a newline", "new\nline"],
    ["a colon", "co:lon"],
    ["a comma", "com,ma"],
    ["a backslash", "back\\slash"],
    ["a length that a first line cannot hold", "x".repeat(140)],
  ])("has %s is refused with the reason", (_what, name) => {
    const before = listing(place.directory);
    const refused = conda("--prefix", name, "env.yml");
    expectRefused(refused, 3, "cannot be used: its path", "--prefix");
    expect(listing(place.directory)).toEqual(before);
  });

  it("is a link is the directory it leads to", () => {
    put(place, "real");
    runAs(place.user, ["ln", "-s", "real", "link"], { cwd: place.directory });
    expectBuilt(place, conda("--prefix", "link", "env.yml"));
    const program = join(place.directory, "link/bin/kapseli-binary-prefix");
    expect(call(place, [program]).stdout).toContain(join(place.directory, "real"));
  });
});

describe("odd names elsewhere", () => {
  it("in the path of the input, the working directory, the build directory, TMPDIR and the cache just work", () => {
    const cwd = put(place, `cwd ${ODD}`);
    const file = put(place, `in ${ODD}/env ${ODD}.yml`, readFileSync(join(place.directory, "env.yml")));
    const work = put(place, `work ${ODD}`);
    const env = { TMPDIR: put(place, `tmp ${ODD}`), XDG_STATE_HOME: put(place, `state ${ODD}`) };
    const args = ["--engine", "rattler", "--prefix", "../odd-conda", "--tmpdir", work, file];
    expectBuilt(place, build(place, "conda-containerize", args, { cwd, env }));
    expect(
      call(place, [join(place.directory, "odd-conda/bin/kapseli-binary-prefix")], { cwd }).stdout,
    ).toContain("odd-conda");
    expect(listing(work)).toHaveLength(1);
    expect(listing(place.directory).filter((line) => line.includes("pwned "))).toEqual([]);
  });

  it.each([
    ["a double quote", 'say "hi"'],
    ["a newline", "new\nline"],
  ])("%s in the build directory, which no runtime takes, is refused at once", (_what, name) => {
    const refused = conda("--prefix", "never", "--tmpdir", put(place, name), "env.yml");
    expectRefused(refused, 3, "the build directory", "double quote or a control character", "--tmpdir");
    expectNothingLeft(place, join(place.directory, "never"));
  });

  it.each([["pip"], ["uv"]])("work for %s, with files beside the input", (engine) => {
    const flags = engine === "uv" ? ["--uv"] : [];
    const file = put(place, `pip ${ODD}/requirements.txt`, "-r more.txt\n");
    put(place, `pip ${ODD}/more.txt`, "cowsay\n");
    const work = put(place, `pip work ${ODD}`);
    const prefix = `odd-${engine}`;
    const cwd = put(place, `cwd ${ODD}`);
    const args = [...flags, "--prefix", join("..", prefix), "--tmpdir", work, file];
    expectBuilt(place, build(place, "pip-containerize", args, { cwd, env: { TMPDIR: work } }));
    expect(call(place, [join(place.directory, prefix, "bin/cowsay"), "-t", "moo"]).stdout).toContain("moo");
    expect(listing(work)).toHaveLength(1);
  });
});

describe("the modes of what is published", () => {
  const modes = (prefix: string): Record<string, string> =>
    Object.fromEntries(
      runAs(place.user, ["find", prefix, "!", "-type", "l", "-printf", "%P %m\n"])
        .stdout.trim()
        .split("\n")
        .map((line) => line.split(/ (?=\d+$)/) as [string, string]),
    );

  it.each([
    ["022", "755", "644", "755"],
    ["077", "700", "600", "700"],
    ["007", "770", "660", "770"],
    ["002", "775", "664", "775"],
  ])("are what the umask %s says", (umask, directory, file, program) => {
    const prefix = join(place.directory, `umask-${umask}`);
    const command = `umask ${umask}; exec conda-containerize new --engine rattler --prefix "$1" env.yml`;
    const ran = runAs(place.user, ["sh", "-c", command, "sh", prefix], {
      cwd: place.directory,
      env: place.environment,
    });
    expectBuilt(place, ran);
    const found = modes(prefix);
    const generation = "generations/1";
    expect(found).toMatchObject({
      bin: directory,
      generations: directory,
      [generation]: directory,
      [`${generation}/env.sqfs`]: file,
      [`${generation}/launcher.sh`]: file,
      [`${generation}/manifest.json`]: file,
      [`${generation}/environment.lock`]: file,
      [`${generation}/build.log`]: file,
      [`${generation}/inputs`]: directory,
      [`${generation}/inputs/0`]: directory,
      [`${generation}/inputs/0/env.yml`]: file,
      [`${generation}/share`]: directory,
      [`${generation}/share/conf.yaml`]: file,
      [`${generation}/root`]: directory,
      "bin/kapseli-binary-prefix": program,
    });
    expect(call(place, [join(prefix, "bin/kapseli-binary-prefix")]).stdout).toContain(prefix);
  });
});

describe("where the user may not write", () => {
  it.skipIf(userInfo().uid !== 0)("a prefix below a directory of root's is refused at once", () => {
    const parent = put(place, "roots");
    chownSync(parent, 0, 0);
    chmodSync(parent, 0o755);
    const refused = conda("--prefix", "roots/env", "env.yml");
    expectRefused(
      refused,
      4,
      `the prefix ${join(parent, "env")} cannot be written`,
      "no permission",
      "--prefix",
    );
    expectNothingLeft(place, join(parent, "env"));
    expect(refused.stdout).not.toContain("Looking at this host");
  });

  it.skipIf(userInfo().uid !== 0)("a prefix of the user's own below root's directory works", () => {
    const parent = put(place, "roots-too");
    const prefix = put(place, "roots-too/env");
    chownSync(parent, 0, 0);
    chmodSync(parent, 0o755);
    expectBuilt(place, conda("--prefix", prefix, "env.yml"));
    expect(call(place, [join(prefix, "bin/kapseli-binary-prefix")]).stdout).toContain(prefix);
  });

  it("a prefix that exists and is read-only is refused, and stays as it is", () => {
    const prefix = put(place, "read-only");
    chmodSync(prefix, 0o555);
    const before = listing(prefix);
    expectRefused(conda("--prefix", "read-only", "env.yml"), 4, `the prefix ${prefix} cannot be written`);
    expectNothingLeft(place, prefix, before);
    expect(statSync(prefix).mode & 0o777).toBe(0o555);
  });

  it("a build directory is refused with the way to name another", () => {
    const locked = put(place, "locked");
    chmodSync(locked, 0o555);
    const refused = conda("--prefix", "never", "--tmpdir", locked, "env.yml");
    expectRefused(refused, 4, `Could not create build directory in ${locked}`, "--tmpdir");
    expectNothingLeft(place, join(place.directory, "never"));
  });
});
