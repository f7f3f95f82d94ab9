import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { failedLogs, inputFile, runTool, type StubHost, stubHost, treeOf } from "../support/stub-host.ts";

const build = async (host: StubHost, wanted: string, env: Record<string, string> = {}) =>
  runTool(
    host,
    "conda-containerize",
    ["new", "--prefix", host.prefix, await inputFile(host, "env.yml", `dependencies: [${wanted}]\n`)],
    { env },
  );

const FAILURES: [string, string, Record<string, string>, number, string][] = [
  ["the installation", "nosuchpackage", {}, 5, "a package was not found in the channels"],
  ["the pip: section", "pip-fails", {}, 5, "the pip: section could not be installed"],
  ["finding commands", "nothing-to-run", {}, 7, "what was installed has no commands"],
  ["packing", "hello", { STUB_MKSQUASHFS: "no-space" }, 6, "there is no space left in"],
  ["the check", "check-fails", {}, 7, "the new environment's python3 does not start: it ended with 127"],
];

describe.each(FAILURES)("a build in which %s fails", (_what, wanted, stubs, exitCode, message) => {
  it("leaves nothing but its log, the owner's alone, which the error names", async () => {
    const host = await stubHost({ programs: ["micromamba"], stubs });
    const ran = await build(host, wanted);
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.stderr).toContain(`[ ERROR ] ${message}`);
    expect(ran.stdout).toContain(`[ ERROR ] ${message}`);
    expect(existsSync(host.prefix)).toBe(false);
    expect(await readdir(host.work)).toEqual([]);
    const [log = "", ...more] = await failedLogs(host);
    expect(more).toEqual([]);
    expect(ran.stderr).toContain(`Full log: ${log}\n`);
    expect((await stat(log)).mode & 0o777).toBe(0o600);
    expect(await readFile(log, "utf8")).toContain(message);
  });
});

describe("a build whose cache is a file", () => {
  it("ends with 4 and says so, and the log is not kept where logs cannot be", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const file = join(host.directory, "file");
    await writeFile(file, "");
    for (const cache of [file, join(file, "below")]) {
      const ran = await build(host, "hello", { KAPSELI_CACHE: cache, XDG_STATE_HOME: file });
      expect(ran.exitCode).toBe(4);
      expect(ran.stderr).toContain(`[ ERROR ] the cache ${cache} `);
      expect(ran.stderr).toContain("What to do: Name a directory of your own in KAPSELI_CACHE");
      expect(ran.stderr).not.toMatch(/not expected|Full log/);
      expect(existsSync(host.prefix)).toBe(false);
    }
  });
});

describe("a build that can make nothing in its cache", () => {
  it("ends with 4 and names it, whatever it would have put there", async () => {
    // Root may write anywhere; nobody makes a directory below a file.
    for (const [programs, name, words] of [
      [["python3"], "rattler", ["--engine", "rattler"]],
      [[], "micromamba", []],
    ] as const) {
      const host = await stubHost({ programs });
      const cache = join(host.directory, "cache");
      await mkdir(cache);
      await writeFile(join(cache, name), "");
      const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
      const ran = await runTool(host, "conda-containerize", ["new", ...words, "--prefix", host.prefix, file]);
      expect(ran.exitCode, ran.stderr).toBe(4);
      expect(ran.stderr).toMatch(new RegExp(`\\[ ERROR \\] the cache ${cache} cannot be used: .*${name}`));
      expect(ran.stderr).toContain("KAPSELI_CACHE");
    }
  });
});

describe("a failing build on a prefix that is an environment", () => {
  it("leaves it as it was, wherever it fails", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    expect((await build(host, "hello")).exitCode).toBe(0);
    const before = await treeOf(host.prefix, [".kapseli.lock"]);
    for (const [what, wanted, stubs, exitCode] of FAILURES) {
      const failing = await stubHost({ programs: ["micromamba"], stubs });
      const ran = await build({ ...failing, prefix: host.prefix }, wanted);
      expect(ran.exitCode, what).toBe(exitCode);
      expect(await treeOf(host.prefix, [".kapseli.lock"]), what).toEqual(before);
      expect(await readdir(host.prefix)).not.toContain(".kapseli.lock");
    }
  });
});

describe("logs of failed builds", () => {
  it("are the ten newest", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const logs = join(host.home, ".local", "state", "kapseli", "logs");
    await mkdir(logs, { recursive: true });
    for (let day = 10; day < 24; day++) await writeFile(join(logs, `2020-01-${day}T00-00-00-1.log`), "");
    await build(host, "nosuchpackage");
    const names = (await failedLogs(host)).map((path) => path.slice(logs.length + 1)).sort();
    expect(names).toHaveLength(10);
    expect(names[0]).toBe("2020-01-15T00-00-00-1.log");
  });

  it("hold no secret", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const file = await inputFile(
      host,
      "env.yml",
      "channels: ['https://me:pw123@host/t/tk-12345678/c']\ndependencies: [nosuchpackage]\n",
    );
    const ran = await runTool(host, "conda-containerize", ["new", "--debug", "--prefix", host.prefix, file]);
    const [log = ""] = await failedLogs(host);
    expect(`${await readFile(log, "utf8")}${ran.stdout}${ran.stderr}`).not.toMatch(/pw123|tk-12345678/);
  });
});

describe("CW_DEBUG_KEEP_FILES", () => {
  it("keeps and names the work directory, also from later builds", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const ran = await build(host, "nosuchpackage", { CW_DEBUG_KEEP_FILES: "1" });
    const [kept = "", ...more] = await readdir(host.work);
    expect(more).toEqual([]);
    expect(`${ran.stdout}${ran.stderr}`).toContain(`the build directory ${join(host.work, kept)} is kept`);
    await build(host, "nosuchpackage");
    expect(await readdir(host.work)).toEqual([kept]);
  });

  it("keeps nothing of a build that succeeds", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    expect((await build(host, "hello", { CW_DEBUG_KEEP_FILES: "" })).exitCode).toBe(0);
    expect(await readdir(host.work)).toEqual([]);
  });
});
