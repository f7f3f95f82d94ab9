// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are for shells and configurations
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { containersOf, inputFile, type Ran, runTool, type StubHost, stubHost } from "../support/stub-host.ts";

/** One error, which says where, and nothing left. */
async function expectOneError(host: StubHost, ran: Ran, ...says: RegExp[]): Promise<void> {
  expect(ran.exitCode, ran.stderr).toBe(3);
  expect(ran.stderr.match(/\[ ERROR \]/g), ran.stderr).toHaveLength(1);
  for (const one of says) expect(ran.stderr).toMatch(one);
  expect(ran.stderr).not.toMatch(/not expected|^\s+at /m);
  expect(existsSync(host.prefix)).toBe(false);
  expect(await readdir(host.work)).toEqual([]);
}

const NESTED = (open: string): string => open.repeat(50_000);
const BOMB = `a0: &a0 [${Array(10).fill("x").join(",")}]\n${Array.from(
  { length: 11 },
  (_, level) => `a${level + 1}: &a${level + 1} [${Array(10).fill(`*a${level}`).join(",")}]\n`,
).join("")}`;

describe("a hostile file is refused with one error that has its place", () => {
  it.each<[what: string, name: string, content: string | Buffer, says: RegExp]>([
    ["an alias bomb", "env.yml", `${BOMB}dependencies: *a11\n`, /env\.yml:2:\d+: .*alias bomb/],
    [
      "too many aliases",
      "env.yml",
      `a: &a x\ndependencies:\n${"- *a\n".repeat(600)}`,
      /env\.yml:503:\d+: .*too many aliases/,
    ],
    ["deep nesting", "env.yml", `dependencies: ${NESTED("[")}`, /env\.yml:1:\d+: .*nested too deeply/],
    ["a line of a megabyte", "specs.txt", `numpy\n${"x".repeat(1024 * 1024)}\n`, /specs\.txt:2:1: /],
    [
      "more than any environment has",
      "env.yml",
      `dependencies:\n${"- numpy\n".repeat(40_000)}`,
      /env\.yml: .*at most 256 KiB/,
    ],
    ["NUL bytes", "env.yml", "dependencies:\n- num\0py\n", /env\.yml:2:1: .*NUL/],
    [
      "UTF-16 without a mark",
      "env.yml",
      Buffer.from("dependencies:\n- numpy\n", "utf16le"),
      /env\.yml:1:1: .*UTF-16/,
    ],
    ["Latin-1", "specs.txt", Buffer.from("numpy\n# caf\xe9\n", "latin1"), /specs\.txt:2:1: .*UTF-8/],
  ])("%s in what conda installs", async (_what, name, content, says) => {
    const host = await stubHost({ programs: ["micromamba"] });
    const file = await inputFile(host, name, content);
    await expectOneError(
      host,
      await runTool(host, "conda-containerize", ["new", "--prefix", host.prefix, file]),
      says,
    );
    expect(containersOf(host)).toEqual([]);
  });

  it.each<[what: string, content: string | Buffer, says: RegExp]>([
    ["a file that includes itself", "-r requirements.txt\n", /requirements\.txt:1:1: .*includes itself/],
    ["files that include each other", "cowsay\n-r other.txt\n", /other\.txt:1:1: .*includes itself/],
    ["an include that is a directory", "-r .\n", /requirements\.txt:1:1: .*cannot be read/],
    ["an include without end", "-r /dev/zero\n", /requirements\.txt:1:1: .*cannot be read/],
    [
      "a line of a megabyte",
      `cowsay\n${"x".repeat(1024 * 1024)}\n`,
      /requirements\.txt:2:1: .*1048576 characters/,
    ],
    ["NUL bytes", "cowsay\n\0\n", /requirements\.txt:2:1: .*NUL/],
  ])("%s in what pip installs", async (_what, content, says) => {
    const host = await stubHost({ programs: ["python3"] });
    const file = await inputFile(host, "requirements.txt", content);
    await inputFile(host, "other.txt", "-r requirements.txt\n");
    await expectOneError(
      host,
      await runTool(host, "pip-containerize", ["new", "--prefix", host.prefix, file]),
      says,
    );
  });

  it.each<[what: string, content: string | Buffer, says: RegExp]>([
    ["an alias bomb", `${BOMB}defaults: {own: *a11}\n`, /:2: .*alias bomb/],
    ["deep nesting", `defaults: ${NESTED("[")}`, /:1: .*nested too deeply/],
    ["NUL bytes", "defaults:\n  env_name: a\0b\n", /no UTF-8 text \(line 2\)/],
    ["UTF-16", Buffer.from("\ufeffdefaults: {}\n", "utf16le"), /no UTF-8 text \(line 1\)/],
    ["more than any site has", "#".repeat(300 * 1024), /larger than any configuration/],
  ])("%s in the site's and in a user's configuration", async (_what, content, says) => {
    const host = await stubHost({ programs: ["micromamba"] });
    const env = await inputFile(host, "env.yml", "dependencies: [hello]\n");
    const file = await inputFile(host, "site.yaml", content);
    const args = ["new", "--prefix", host.prefix, env];
    await expectOneError(
      host,
      await runTool(host, "conda-containerize", args, { env: { CW_GLOBAL_YAML: file } }),
      says,
    );
    const own = content.toString().replace("defaults: {own: *a11}", "own: *a11").replace("defaults: ", "");
    if (_what === "an alias bomb" || _what === "deep nesting") {
      const user = await inputFile(host, "own.yaml", own);
      await expectOneError(host, await runTool(host, "conda-containerize", ["advanced", user]), /own\.yaml/);
    }
  });

  it("a file that never ends", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const ran = await runTool(host, "conda-containerize", ["new", "--prefix", host.prefix, "/dev/zero"]);
    await expectOneError(host, ran, /\/dev\/zero has more than 64 MiB/);
  });
});

describe("secrets of the caller's environment", () => {
  const SECRET = "planted-S3cret/+";

  it("are hidden in what a script prints, in the log, in the records and in errors", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const env = { CI_JOB_TOKEN: SECRET, CW_LOG_LEVEL: "3" };
    const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
    const site = await inputFile(host, "site.yaml", "defaults:\n  my_site_key: $CI_JOB_TOKEN\n");
    const script = await inputFile(host, "post.sh", 'echo "it is $CI_JOB_TOKEN" && [ -z "${FAIL-}" ]\n');
    const args = ["new", "--prefix", host.prefix, "--post-install", script, file];
    const built = await runTool(host, "conda-containerize", args, { env: { ...env, CW_GLOBAL_YAML: site } });
    expect(built.exitCode, built.stderr).toBe(0);
    expect(built.stdout).toContain("it is ***");
    const generation = join(host.prefix, "generations", "1");
    const records = ["build.log", "manifest.json", "share/conf.yaml", "environment.lock", "launcher.sh"];
    const texts = await Promise.all(records.map((name) => readFile(join(generation, name), "utf8")));
    expect(texts[0]).toContain("it is ***");
    expect(texts[2]).toContain("my_site_key: '***'");
    const failed = await runTool(host, "conda-containerize", args, { env: { ...env, FAIL: "1" } });
    expect(failed.exitCode).toBe(5);
    for (const text of [built.stdout, built.stderr, failed.stdout, failed.stderr, ...texts]) {
      expect(text).not.toContain(SECRET);
    }
  });

  it("given as variables of an environment are in no process's words", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const file = await inputFile(
      host,
      "env.yml",
      `dependencies: [hello]\nvariables: {TOKEN_OF_ENV: '${SECRET}'}\n`,
    );
    const ran = await runTool(host, "conda-containerize", ["new", "--prefix", host.prefix, file]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    const words = containersOf(host).flatMap(({ argv }) => argv);
    expect(words.length).toBeGreaterThan(50);
    expect(words.filter((word) => word.includes(SECRET))).toEqual([]);
    const launcher = await readFile(join(host.prefix, "current", "launcher.sh"), "utf8");
    expect(launcher).toContain(`TOKEN_OF_ENV='${SECRET}'`);
    expect(await readFile(join(host.prefix, "current", "build.log"), "utf8")).not.toContain(SECRET);
  });
});

describe("what a package brings besides programs", () => {
  const built = async (script: string, more = "") => {
    const host = await stubHost({ programs: ["micromamba"] });
    const file = await inputFile(host, "env.yml", `dependencies: [hello]\n${more}`);
    const post = await inputFile(host, "post.sh", `cd "$CW_BUILD_TMPDIR/tree" && ${script}\n`);
    const args = ["new", "--prefix", host.prefix, "--post-install", post, file];
    return { host, ran: await runTool(host, "conda-containerize", args) };
  };

  it("a directory in the place of list-packages, or of Python, is no obstacle", async () => {
    const { host, ran } = await built(
      "rm -f bin/python3 && mkdir bin/python3 bin/list-packages && : >bin/list-packages/x",
    );
    expect(ran.exitCode, ran.stderr).toBe(0);
    const manifest = JSON.parse(await readFile(join(host.prefix, "current", "manifest.json"), "utf8"));
    expect(manifest.commands).toEqual(["hello", "list-packages"]);
  });

  it.each(["[]", "null", '{"name": 1}', "{", ""])("a record that is none (%j) is named", async (record) => {
    const { host, ran } = await built(`printf '%s' '${record}' >conda-meta/bad-1-0.json`);
    expect(ran.exitCode).toBe(5);
    expect(ran.stderr).toMatch(/conda-meta\/bad-1-0\.json: a package's record in the environment is damaged/);
    expect(existsSync(host.prefix)).toBe(false);
  });

  it("a record that is a pipe does not stop the build", async () => {
    const { ran } = await built("/usr/bin/mkfifo conda-meta/pipe-1-0.json lib/python3.11/pipe.py");
    expect(ran.exitCode, ran.stderr).toBe(0);
  });

  it("variables that are the launcher's own, or no variables, are named and left out", async () => {
    const state = '{"env_vars": {"__k_root": "/evil", "OK": "it\'s $(id)", "NUL": "a\\\\u0000b"}}';
    const { host, ran } = await built(
      `cat >conda-meta/state <<'END'\n${state.replaceAll("\\\\", "\\")}\nEND\n:`,
    );
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(ran.stderr).toMatch(/the variable __k_root is not set/);
    const { environment } = JSON.parse(await readFile(join(host.prefix, "current", "manifest.json"), "utf8"));
    const names = environment.map(({ name }: { name: string }) => name);
    expect(names).toContain("OK");
    expect(names).not.toContain("__k_root");
    expect(names).not.toContain("NUL");
  });
});

describe("a usage error with --json", () => {
  it.each([
    [["new", "--json", "--no-such-option", "env.yml"], /unknown option '--no-such-option'/],
    [["new", "--json"], /missing required argument|arguments are required/],
    [["nosuchcommand", "--json"], /unknown command/],
  ])("%j is an object, too", async (args, message) => {
    const host = await stubHost();
    const ran = await runTool(host, "conda-containerize", args);
    expect(ran.exitCode).toBe(2);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      event: "error",
      code: 2,
      message: expect.stringMatching(message),
    });
    expect(ran.stderr).toContain("usage: ");
  });

  it("is none where --json belongs to the command that is run", async () => {
    const host = await stubHost();
    const ran = await runTool(host, "kapseli", ["run", "--no-such-option", "--", "x", "--json"]);
    expect([ran.exitCode, ran.stdout]).toEqual([2, ""]);
  });
});

describe("a cache into which everybody may put programs", () => {
  it("is not used, and nothing is left", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
    await mkdir(join(host.directory, "cache"));
    await chmod(join(host.directory, "cache"), 0o1777);
    const ran = await runTool(host, "conda-containerize", ["new", "--prefix", host.prefix, file]);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toMatch(/the cache .* is not used: everybody may write to it/);
    expect(existsSync(host.prefix)).toBe(false);
    expect(await readdir(host.work)).toEqual([]);
  });
});

describe("a build under a umask", () => {
  it.each(["000", "077"])("%s works in directories that are its owner's alone", async (umask) => {
    const host = await stubHost({ programs: ["micromamba"] });
    const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
    const look = `/usr/bin/stat -c %a "$CW_BUILD_TMPDIR" "${host.directory}/cache" >"${host.directory}/modes"\n`;
    const script = await inputFile(host, "post.sh", look);
    const args = ["new", "--prefix", host.prefix, "--post-install", script, file];
    const ran = await runTool(host, "conda-containerize", args, { umask });
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(await readFile(join(host.directory, "modes"), "utf8")).toBe("700\n700\n");
  });

  it.each(["0177", "0277", "0777"])(
    "%s, which takes the owner's own rights, is refused at once, with what to do",
    async (umask) => {
      const host = await stubHost({ programs: ["micromamba"] });
      const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
      const ran = await runTool(host, "conda-containerize", ["new", "--prefix", host.prefix, file], {
        umask,
      });
      expect(ran.exitCode).toBe(4);
      expect(ran.stderr).toMatch(/the umask is 0\d{3}: .*your own/);
      expect(ran.stderr).toContain("What to do: ");
      expect(existsSync(host.prefix)).toBe(false);
    },
  );
});
