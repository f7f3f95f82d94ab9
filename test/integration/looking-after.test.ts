import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import {
  cp,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { z } from "zod";
import { LOCK_NAME } from "../../src/host/lock.ts";
import { writeOwner } from "../../src/host/owner-record.ts";
import { ownIdentity } from "../../src/host/proc-stat.ts";
import { OBJECTS } from "../../src/report/objects.ts";
import { isThere, makePrefix, namesBelow } from "../support/prefixes.ts";
import { PROJECT, type RunSettings, runTool, type StubHost, stubHost, TOOL } from "../support/stub-host.ts";
import { makeTykkyPrefix } from "../support/tykky-prefix.ts";

const DAY_MS = 24 * 60 * 60_000;
const conda = (name: string, version: string) => ({ name, version, source: "conda" as const });

type Name = keyof typeof OBJECTS;

/** A host, and its kapseli. */
async function host() {
  const stub: StubHost = await stubHost();
  const run = (args: readonly string[], settings: RunSettings = {}) =>
    runTool(stub, "kapseli", args, settings);
  /** Runs it with --json: one object of exactly the form that is documented. */
  const ask = async <N extends Name>(
    name: N,
    args: readonly string[],
    settings: RunSettings = {},
  ): Promise<z.infer<(typeof OBJECTS)[N]>> => {
    const { stdout } = await run([...args, "--json"], settings);
    expect(stdout.split("\n")).toHaveLength(2);
    const object: unknown = JSON.parse(stdout);
    return (OBJECTS[name] as z.ZodType).parse(object) as z.infer<(typeof OBJECTS)[N]>;
  };
  const at = (...names: string[]): string => join(stub.directory, ...names);
  return { ...stub, run, ask, at };
}

/** What a terminal shows of a kapseli that asks a question there, which is answered with no. */
function askedAt(env: Record<string, string>, args: readonly string[]): string {
  const program = `import { main } from ${JSON.stringify(TOOL)}; await main(process.argv[1]);`;
  const tool = [process.execPath, "--input-type=module", "-e", program, "--", "kapseli", ...args];
  const terminal = [join(PROJECT, "test/support/terminal.py"), ...tool];
  const input = JSON.stringify([["[y/N] ", "n\n"]]);
  const { stdout, stderr } = spawnSync("/usr/bin/python3", terminal, { env, input, encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout.replaceAll("\r", "");
}

describe("kapseli list", () => {
  it("finds environments below a directory: of ours, in PREFIX/env, and Tykky's; not inside one, not by links", async () => {
    const { ask, run, at } = await host();
    await makePrefix(at("all/one"), [{}, {}]);
    await makePrefix(at("all/deep/er/two"));
    await makePrefix(at("all/project"), [{}], true);
    await makePrefix(at("all/one/generations/2/inside"));
    await makeTykkyPrefix({ prefix: at("all/tk"), mode: "conda" });
    await symlink(at("all"), at("all/circle"));
    await makePrefix(at("elsewhere"));
    await symlink(at("elsewhere"), at("all/link"));
    const { environments, notSearched } = await ask("list", ["list", at("all")]);
    expect(notSearched).toEqual([]);
    expect(environments.map((one) => [one.prefix, one.root, one.made, one.kind, one.state])).toEqual([
      [at("all/deep/er/two"), at("all/deep/er/two"), "kapseli", "conda", "ok"],
      [at("all/one"), at("all/one"), "kapseli", "conda", "ok"],
      [at("all/project"), at("all/project/env"), "kapseli", "conda", "ok"],
      [at("all/tk"), at("all/tk"), "tykky", "conda", "ok"],
    ]);
    expect(environments[1]).toMatchObject({ generation: 2, generations: 2, base: "host", name: null });
    const shallow = await ask("list", ["list", "--depth", "1", at("all")]);
    expect(shallow.environments.map(({ prefix }) => prefix)).not.toContain(at("all/deep/er/two"));
    const text = await run(["list", at("all")]);
    expect(text.stdout).toMatch(/^kind +size +age +inodes +generation +base +state +prefix\n/);
    expect(text.stdout).toMatch(/^conda +\d+ [kM]B +\d+ \w+ +\d+ +2 \(2\) +host +ok +\/.*\/all\/one$/m);
    expect(text.stdout.split("\n").map((line) => line.lastIndexOf("  "))).toHaveLength(6);
  });

  it("counts what is ours once, whatever else lies there", async () => {
    const { ask, at } = await host();
    const { root } = await makePrefix(at("one"), [{ commands: ["a", "b", "c"] }]);
    const before = (await ask("list", ["list", root])).environments[0];
    await mkdir(join(root, "data"));
    await writeFile(join(root, "data/large"), Buffer.alloc(100_000));
    expect((await ask("list", ["list", root])).environments[0]).toEqual(before);
    // The five names in bin are one file.
    const entries = (await namesBelow(root)).filter((name) => !name.startsWith("data"));
    expect(before?.inodes).toBe(entries.length - 4 + 1);
  });

  it("without a directory takes TYKKY_PATH as tykky activate does: names, links too, the first of two", async () => {
    const { ask, run, at, home } = await host();
    await makePrefix(at("place/mine"));
    await makePrefix(at("a/same"));
    await makePrefix(at("b/other"));
    await makePrefix(at("b/deeper/not"));
    await symlink(at("place/mine"), at("b/my name"));
    const TYKKY_PATH = `:${at("a")}::${at("nowhere")}:${at("b")}:`;
    const { environments } = await ask("list", ["list"], { env: { TYKKY_PATH } });
    expect(environments.map(({ name, prefix }) => [name, prefix])).toEqual([
      ["same", at("a/same")],
      ["other", at("b/other")],
      ["my name", at("place/mine")],
    ]);
    const none = await run(["list"]);
    expect(none).toMatchObject({ exitCode: 0, stdout: "" });
    expect(none.stderr).toContain(
      `no environment is there (${join(home, ".tykky")}); kapseli list DIR looks`,
    );
    await makePrefix(join(home, ".tykky", "own"));
    expect((await ask("list", ["list"])).environments.map(({ name }) => name)).toEqual(["own"]);
  });

  it("says what is wrong with damaged ones instead of ending", async () => {
    const { ask, run, at } = await host();
    const damages: Record<string, (root: string) => Promise<unknown>> = {
      a: (root) => truncate(join(root, "generations/1/manifest.json"), 40),
      b: async (root) => {
        await unlink(join(root, "current"));
        await symlink("generations/7", join(root, "current"));
      },
      c: (root) => unlink(join(root, "generations/1/env.sqfs")),
      d: (root) => truncate(join(root, "generations/1/env.sqfs"), 10),
      e: (root) => unlink(join(root, "bin/python3")),
      f: (root) => unlink(join(root, "current")),
      g: (root) => writeFile(join(root, "generations/1/manifest.json"), '{"schema":99,"kapseli":"9"}'),
      h: (root) => rm(join(root, "generations/1"), { recursive: true }),
      i: (root) => rename(root, `${root}-moved`),
      j: (root) =>
        writeFile(join(root, "generations/1/manifest.json"), '{"schema":1,"packages":"\u001b[2J"}'),
      k: (root) => writeFile(join(root, LOCK_NAME), "{"),
    };
    for (const [name, damage] of Object.entries(damages)) {
      await damage((await makePrefix(at("all", name))).root);
    }
    const { environments } = await ask("list", ["list", at("all")]);
    const states = environments.map((one) => [
      one.prefix.slice(at("all").length + 1),
      one.state,
      one.problems.map(({ path, what }) => `${path.slice(one.root.length + 1)} ${what}`).join("; "),
    ]);
    expect(states).toEqual([
      ["a", "damaged", "generations/1/manifest.json cannot be understood: it is cut or was changed"],
      ["b", "broken", "current leads to generation 7, which is not there (there is 1)"],
      ["c", "broken", "generations/1/env.sqfs is missing or cannot be read"],
      ["d", "broken", "generations/1/env.sqfs has 10 bytes instead of 5000"],
      ["e", "damaged", "bin/python3 is missing"],
      ["f", "broken", "current is missing (there is 1)"],
      [
        "g",
        "damaged",
        "generations/1/manifest.json was written by a newer Kapseli, which this one does not understand",
      ],
      ["h", "broken", "current leads to generation 1, which is not there (there is none)"],
      ["i-moved", "moved", ""],
      ["j", "damaged", "generations/1/manifest.json cannot be understood: it is cut or was changed"],
      ["k", "ok", ""],
    ]);
    const text = await run(["list", at("all")]);
    expect(text.exitCode).toBe(0);
    expect(text.stdout).toContain(`\nWhat is wrong:\n  ${at("all/a")}/generations/1/manifest.json cannot be`);
    for (const name of ["a", "b", "h"]) {
      const info = await ask("info", ["info", at("all", name)]);
      expect(info).toMatchObject({ state: states.find(([one]) => one === name)?.[1], packages: [] });
      expect((await run(["info", at("all", name)])).stdout).toContain(info.problems[0]?.what);
    }
  });

  it("shows who works on one", async () => {
    const { ask, run, at } = await host();
    const { root } = await makePrefix(at("one"));
    const holder = { ...ownIdentity(hostname()), user: "somebody", since: "2026-01-01T00:00:00.000Z" };
    await writeOwner(join(root, LOCK_NAME), holder);
    expect((await ask("list", ["list", root])).environments[0]?.lock).toEqual({
      user: "somebody",
      host: hostname(),
      pid: process.pid,
      since: "2026-01-01T00:00:00.000Z",
    });
    expect((await run(["list", root])).stdout).toContain("ok, somebody works on it");
    expect((await run(["remove", "--yes", root])).stderr).toContain("is being worked on by process");
    await unlink(join(root, LOCK_NAME));
    await writeOwner(join(root, LOCK_NAME), { ...holder, boot: "another" });
    expect((await ask("list", ["list", root])).environments[0]?.lock).toBeNull();
  });

  it("refuses a directory that is not there, as JSON too", async () => {
    const { ask, run, at } = await host();
    expect(await ask("error", ["list", at("nothing")])).toMatchObject({ code: 3 });
    expect((await run(["list", at("nothing")])).exitCode).toBe(3);
    expect(await ask("error", ["list", "--depth", "much"])).toMatchObject({ code: 2 });
  });
});

describe("kapseli info, diff, log and generations", () => {
  const before = { packages: [conda("numpy", "1.26"), conda("tqdm", "4")], commands: ["python3", "tqdm"] };
  const after = {
    packages: [conda("numpy", "2.0"), { name: "six", version: "1.17", source: "pip" as const }],
    commands: ["python3", "six"],
    inputs: [{ name: "env.yml", sha256: "a".repeat(64) }],
    config: {
      max_num_cpus: { value: 16, origin: { from: "default" } },
      mamba: { value: true, origin: { from: "flag", flag: "--mamba" } },
      odd: { value: "x", origin: 7 },
    },
  };

  it("info says what is in it, from what, and how it was built", async () => {
    const { ask, run, at } = await host();
    const { root } = await makePrefix(at("one"), [before, after]);
    expect(await ask("info", ["info", root])).toMatchObject({
      state: "ok",
      generation: 2,
      kapseli: "0.1.0",
      engine: { name: "rattler" },
      inputs: after.inputs,
      packages: after.packages,
      commands: after.commands,
      runtime: { family: "apptainer", version: "1.4.5", way: "image" },
      base: { kind: "host", source: "host", digest: null },
      image: { compression: "zstd", mount: root },
      generations: [
        { number: 2, current: true, replaced: null, packages: 2 },
        { number: 1, current: false, replaced: expect.any(String), packages: 2 },
      ],
    });
    const { stdout } = await run(["info", root]);
    expect(stdout).toMatch(/^from +env\.yml \(sha256 aaaaaaaaaaaa…\)$/m);
    expect(stdout).toMatch(/^setting +mamba: true \(--mamba\)$/m);
    expect(stdout).toMatch(/^setting +odd: x \(origin not known\)$/m);
    expect(stdout).not.toContain("max_num_cpus");
    expect(stdout).toContain(
      "\n1 conda package:\n  numpy  2.0\n\n1 pip package:\n  six  1.17\n\n2 commands:\n",
    );
  });

  it("info knows what Tykky made, and what is no environment", async () => {
    const { ask, run, at } = await host();
    await makeTykkyPrefix({ prefix: at("tk"), mode: "venv" });
    expect(await ask("info", ["info", at("tk")])).toMatchObject({
      made: "tykky",
      kind: "pip",
      base: { kind: "image", source: "docker://rockylinux:9" },
      generations: [],
    });
    expect(await ask("error", ["info", at("project")])).toMatchObject({
      code: 3,
      message: `${at("project")} is not an environment`,
    });
    expect((await run(["prune", at("tk")])).stderr).toContain("is an environment made by Tykky");
  });

  it("diff compares generations of one environment, and environments", async () => {
    const { ask, run, at } = await host();
    const { root } = await makePrefix(at("one"), [before, after]);
    const found = await ask("diff", ["diff", root]);
    expect(found).toMatchObject({
      a: { root, generation: 1 },
      b: { root, generation: 2 },
      same: false,
      packages: [
        { source: "conda", name: "numpy", change: "changed", a: "1.26", b: "2.0" },
        { source: "conda", name: "tqdm", change: "removed", a: "4", b: null },
        { source: "pip", name: "six", change: "added", a: null, b: "1.17" },
      ],
      commands: { added: ["six"], removed: ["tqdm"] },
    });
    expect(found.settings).toContainEqual({ name: "config mamba", a: null, b: "true" });
    const { stdout } = await run(["diff", `${root}@1`, `${root}@2`]);
    expect(stdout).toContain(`--- ${root}, generation 1\n+++ ${root}, generation 2\n`);
    expect(stdout).toContain("  conda  numpy  1.26 -> 2.0\n- conda  tqdm   4\n+ pip    six    1.17\n");
    expect(await ask("diff", ["diff", `${root}@2`, root])).toMatchObject({ same: true });
    expect(await ask("diff", ["diff", `${root}@1`])).toMatchObject({ a: { generation: 1 }, same: false });
    // A directory that is called so is itself.
    await makePrefix(`${root}@1`, [after]);
    expect(await ask("diff", ["diff", `${root}@1`, root])).toMatchObject({
      a: { root: `${root}@1`, generation: 1 },
      packages: [],
    });
    expect((await ask("error", ["diff", `${root}@7`])).message).toBe(`${root} has no generation 7`);
    await truncate(join(root, "generations/2/manifest.json"), 10);
    expect((await ask("error", ["diff", root])).message).toContain("the manifest is not valid JSON");
  });

  it("log prints that of the current generation, or of another one", async () => {
    const { ask, run, at } = await host();
    const { root } = await makePrefix(at("one"), [{}, {}]);
    expect((await run(["log", root])).stdout).toBe("log of 2\n");
    expect((await run(["log", root, "1"])).stdout).toBe("log of 1\n");
    expect((await run(["log", root, "previous"])).stdout).toBe("log of 1\n");
    expect(await ask("log", ["log", root, "1"])).toMatchObject({ generation: 1, text: "log of 1\n" });
    await unlink(join(root, "generations/2/build.log"));
    expect(await ask("error", ["log", root])).toMatchObject({ code: 3 });
    expect((await run(["log", root, "first"])).exitCode).toBe(2);
  });

  it("generations lists them also where current dangles", async () => {
    const { ask, run, at } = await host();
    const { root } = await makePrefix(at("one"), [{}, {}]);
    await unlink(join(root, "current"));
    const found = await ask("generations", ["generations", root]);
    expect(found.current).toBeNull();
    expect(found.generations.map(({ number, current }) => [number, current])).toEqual([
      [2, false],
      [1, false],
    ]);
    expect((await run(["generations", root])).stdout).toMatch(
      /^ {2}2 {2}2026-01-01 00:00 UTC {2}1 MB {2}0 packages\n/,
    );
  });
});

describe("kapseli prune", () => {
  /** Four generations, replaced so many days ago. */
  async function aged(directory: string, days: readonly number[]) {
    const made = await makePrefix(directory, Array(days.length + 1).fill({}));
    for (const [index, count] of days.entries()) {
      const time = new Date(Date.now() - count * DAY_MS);
      await utimes(made.at(index + 1, "replaced"), time, time);
    }
    return made;
  }
  const there = async (root: string) => (await readdir(join(root, "generations"))).sort();

  it("removes old ones, says what it freed, and leaves the current one and the one before", async () => {
    const { ask, run, at } = await host();
    const { root } = await aged(at("one"), [30, 3, 2, 1]);
    const dry = await ask("prune", ["prune", "--dry-run", root]);
    expect(await there(root)).toEqual(["1", "2", "3", "4", "5"]);
    const { dryRun, environments } = await ask("prune", ["prune", root]);
    expect(await there(root)).toEqual(["2", "3", "4", "5"]);
    expect([dry.dryRun, dryRun]).toEqual([true, false]);
    expect(environments).toEqual(dry.environments);
    expect(environments[0]?.generations.map(({ number, why }) => [number, why])).toEqual([
      [5, "current"],
      [4, "previous"],
      [3, "recent"],
      [2, "recent"],
      [1, "old"],
    ]);
    expect(environments[0]?.freed.size).toBeGreaterThan(5000);
    const asked = await run(["prune", "--now", root]);
    expect(asked.stdout).toMatch(new RegExp(`^${root}: freed \\d+ kB, \\d+ inodes\n`));
    expect(await there(root)).toEqual(["4", "5"]);
    expect(await readlink(join(root, "current"))).toBe("generations/5");
  });

  it("leaves one that a process uses, and removes what was left of a stopped removal", async () => {
    const { ask, at } = await host();
    const made = await aged(at("one"), [30, 20, 1]);
    const { root } = made;
    await mkdir(join(root, "generations/.kapseli-removed-9"));
    const image = await open(made.at(1, "env.sqfs"));
    onTestFinished(() => image.close());
    const { environments } = await ask("prune", ["prune", "--now", root]);
    expect(environments[0]?.generations.find(({ number }) => number === 1)).toMatchObject({
      goes: false,
      why: "in use",
    });
    expect(await there(root)).toEqual(["1", "3", "4"]);
  });

  it("prunes what it can, and tells of the others at the end", async () => {
    const { run, at } = await host();
    const { root } = await aged(at("one"), [30, 20, 1]);
    const broken = await aged(at("two"), [30, 20, 1]);
    await unlink(join(broken.root, "current"));
    const ran = await run(["prune", "--json", broken.root, at("nothing"), root]);
    expect(ran.exitCode).toBe(3);
    const [result, error] = ran.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(OBJECTS.prune.parse(result).environments).toHaveLength(1);
    expect(OBJECTS.error.parse(error)).toMatchObject({ others: [`${at("nothing")} does not exist`] });
    expect([await there(root), await there(broken.root)]).toEqual([
      ["3", "4"],
      ["1", "2", "3", "4"],
    ]);
  });
});

describe("kapseli remove", () => {
  it("removes an environment with its directory", async () => {
    const { ask, at } = await host();
    const { root } = await makePrefix(at("one"), [{}, {}]);
    const result = await ask("remove", ["remove", "--yes", root, `${root}/.`]);
    expect(result).toMatchObject({ removed: true, environments: [{ root, left: [], original: null }] });
    expect(await isThere(root)).toBe(false);
    expect(await isThere(at("project"))).toBe(true);
  });

  it("leaves what it did not make, and names it", async () => {
    const { ask, run, at } = await host();
    const { root } = await makePrefix(at("one"));
    const mine = ["bin/script", "data/a", "generations/0/img.sqfs", "generations/notes", "img2.sqfs"];
    for (const name of mine) {
      await mkdir(join(root, name, ".."), { recursive: true });
      await writeFile(join(root, name), "mine");
    }
    await rm(join(root, "share"));
    await mkdir(join(root, "share"));
    await symlink(at("project"), join(root, "bin", "python3-config"));
    const { environments } = await ask("remove", ["remove", "--yes", root]);
    expect(environments[0]?.left).toEqual([
      "bin/python3-config",
      "bin/script",
      "data",
      "generations/0",
      "generations/notes",
      "img2.sqfs",
      "share",
    ]);
    const rest = await namesBelow(root);
    expect(rest.filter((name) => !mine.includes(name))).toEqual([
      "bin",
      "bin/python3-config",
      "data",
      "generations",
      "generations/0",
      "share",
    ]);
    expect((await run(["info", root])).stderr).toContain("is not an environment");
  });

  it("leaves the other files of a prefix whose environment is in PREFIX/env", async () => {
    const { run, at } = await host();
    const { given } = await makePrefix(at("one"), [{}], true);
    expect((await run(["remove", "--yes", given])).exitCode).toBe(0);
    expect(await readdir(given)).toEqual(["mine.txt"]);
  });

  it("of one that was wrapped in place: its copies go, the original and what was changed stay", async () => {
    const { ask, at } = await host();
    const { root } = await makePrefix(at("venv"), [{ inPlace: true, tool: "pip" }]);
    const original = at("venv.kapseli-original");
    await mkdir(join(original, "bin"), { recursive: true });
    for (const name of ["pyvenv.cfg", "bin/activate", "bin/other"]) {
      await writeFile(join(root, name), name);
      await writeFile(join(original, name), name === "bin/other" ? "not the same" : name);
    }
    const { environments } = await ask("remove", ["remove", "--yes", root]);
    expect(environments).toMatchObject([{ left: ["bin/other"], original }]);
    expect(await namesBelow(original)).toHaveLength(4);
  });

  it("is refused without a terminal, and while it is in use; forced, it goes all the same", async () => {
    const { run, ask, at } = await host();
    const { root, at: of, names } = await makePrefix(at("one"));
    const before = await names();
    const unasked = await run(["remove", root]);
    expect(unasked).toMatchObject({ exitCode: 2 });
    expect(unasked.stderr).toContain("Give --yes to have it done.");
    const image = await open(of(1, "env.sqfs"));
    onTestFinished(() => image.close());
    const holds = spawn("/bin/sleep", ["600"], { stdio: [image.fd, "ignore", "ignore"] });
    onTestFinished(() => void holds.kill("SIGKILL"));
    const used = await ask("error", ["remove", "--yes", root]);
    expect(used).toMatchObject({ code: 4, message: `${root} is in use on this host` });
    expect(used.lines).toContainEqual(`${holds.pid} /bin/sleep 600`);
    expect(await names()).toEqual(before);
    expect((await run(["remove", "--yes", "--force", root])).exitCode).toBe(0);
    expect(await isThere(root)).toBe(false);
  });

  it("removes a damaged one, but none of several when one is none", async () => {
    const { run, at } = await host();
    const one = await makePrefix(at("one"));
    const two = await makePrefix(at("two"));
    await unlink(join(one.root, "current"));
    await truncate(one.at(1, "manifest.json"), 5);
    expect((await run(["remove", "--yes", one.root, at("project")])).exitCode).toBe(3);
    expect(await isThere(one.root)).toBe(true);
    expect((await run(["remove", "--yes", one.root, two.root])).exitCode).toBe(0);
    expect([await isThere(one.root), await isThere(two.root)]).toEqual([false, false]);
  });

  it("named by a link goes with that link, and a link on the way that leads nowhere then is told", async () => {
    const { ask, run, at } = await host();
    const { root } = await makePrefix(at("one"));
    await symlink("one", at("way"));
    await symlink(at("way"), at("named"));
    const { environments } = await ask("remove", ["remove", "--yes", at("named"), root]);
    expect(environments).toMatchObject([{ root, links: [at("named")], dangling: [at("way")] }]);
    const there = await readdir(at("."));
    expect(there.filter((name) => ["one", "way", "named"].includes(name))).toEqual(["way"]);
    await makePrefix(root);
    const said = await run(["remove", "--yes", `${at("way")}/`]);
    expect(said.stdout).toContain(`${root} is removed`);
    expect(said.stdout).toContain(`the link ${at("way")} to it is removed, too\n`);
    expect(await readdir(at("."))).not.toContain("way");
  });

  it("named by a link that still leads somewhere leaves the link", async () => {
    const { ask, at } = await host();
    const { root } = await makePrefix(at("one"));
    await writeFile(join(root, "mine"), "");
    const { given } = await makePrefix(at("two"), [{}], true);
    for (const [link, target] of [
      [at("a"), root],
      [at("b"), given],
    ] as const) {
      await symlink(target, link);
      const { environments } = await ask("remove", ["remove", "--yes", link]);
      expect(environments).toMatchObject([{ links: [], dangling: [] }]);
      expect(await readlink(link)).toBe(target);
    }
  });

  it.runIf(existsSync("/usr/bin/python3"))(
    "asks about the environment and about the link by which it is named",
    async () => {
      const { at, env } = await host();
      const { root } = await makePrefix(at("one"));
      await symlink("one", at("named"));
      const said = await askedAt(env, ["remove", at("named")]);
      expect(said).toContain(`${root}: 1 generation`);
      expect(said).toContain(`named by the link ${at("named")}, which goes, too`);
      expect(await readlink(at("named"))).toBe("one");
      expect(await isThere(join(root, "current"))).toBe(true);
    },
  );

  it("follows no link: what a link leads to stays", async () => {
    const { run, at } = await host();
    const { root } = await makePrefix(at("one"));
    const kept = await makePrefix(at("kept"));
    const before = await kept.names();
    await rm(join(root, "generations/1/root"), { recursive: true });
    await symlink(kept.root, join(root, "generations/1/root"));
    await cp(join(root, "generations/1"), join(root, "generations/3"), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await symlink(kept.root, join(root, ".kapseli-x"));
    expect((await run(["remove", "--yes", root])).exitCode).toBe(0);
    expect(await kept.names()).toEqual(before);
    expect(await lstat(root).catch(() => undefined)).toBeUndefined();
  });
});

describe("what is JSON or takes --json besides", () => {
  it("are the bases, by the names that --base takes", async () => {
    const { ask, run } = await host();
    const { bases } = await ask("bases", ["bases"]);
    const { stdout } = await run(["bases"]);
    expect(bases[0]).toMatchObject({ name: "host", kind: "host", source: null });
    const names = stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" ")[0]);
    expect(bases.map(({ name }) => name)).toEqual(names);
  });

  it("is a bill of materials, with and without; what went wrong is an object then", async () => {
    const { run, at } = await host();
    await makePrefix(at("one"), [{ packages: [conda("zlib", "1.3")] }]);
    const settings = { env: { SOURCE_DATE_EPOCH: "0" } };
    const [plain, json] = [
      await run(["sbom", at("one")], settings),
      await run(["sbom", "--json", at("one")], settings),
    ];
    expect(json).toMatchObject({ exitCode: 0, stdout: plain.stdout });
    expect(JSON.parse(json.stdout)).toMatchObject({ bomFormat: "CycloneDX" });
    const wrong = await run(["sbom", "--json", at("nothing")]);
    expect(OBJECTS.error.parse(JSON.parse(wrong.stdout))).toMatchObject({ code: wrong.exitCode });
  });
});
