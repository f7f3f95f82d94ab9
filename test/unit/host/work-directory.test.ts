import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir, readdir, stat, symlink, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeOwner } from "../../../src/host/owner-record.ts";
import { ownIdentity, type ProcessIdentity } from "../../../src/host/proc-stat.ts";
import {
  type Candidate,
  chooseWorkBase,
  keepWorkDirectory,
  makeWorkDirectory,
  removeDead,
  removeTree,
} from "../../../src/host/work-directory.ts";
import { scratch } from "../../support/programs.ts";

const uid = process.getuid?.() ?? 0;
const GIB = 1024 ** 3;
const disk = (path: string, free: number): Candidate => ({ path, freeBytes: free * GIB, type: 0xef53 });
const memory = (free: number): Candidate => ({ path: "/memory", freeBytes: free * GIB, type: 0x01021994 });
const lustre = (free: number): Candidate => ({ path: "/lustre", freeBytes: free * GIB, type: 0x0bd00bd0 });

describe("where to build", () => {
  it.each([
    ["local storage before memory", [memory(100), disk("/tmp", 10)], "/tmp"],
    ["memory before remote storage", [lustre(1000), memory(10)], "/memory"],
    ["remote storage with room before memory without", [memory(1), lustre(1000)], "/lustre"],
    ["the first of equals", [disk("/a", 10), disk("/b", 500)], "/a"],
    ["local storage where all is small", [memory(1), disk("/a", 1)], "/a"],
  ])("%s", (_what, candidates, path) => expect(chooseWorkBase(candidates)?.path).toBe(path));

  it("nowhere when there is nothing", () => expect(chooseWorkBase([])).toBeUndefined());

  it("is TMPDIR where it is there, and not where it is not", async () => {
    const base = await scratch();
    const made = await makeWorkDirectory(undefined, { TMPDIR: base, LOCAL_SCRATCH: "/proc/nothing" }, uid);
    expect(made.path.startsWith(`${base}/cw-`) || made.path.startsWith("/var/tmp/cw-")).toBe(true);
    await made.remove();
  });
});

describe("a work directory", () => {
  it("is the user's own, and gone when removed", async () => {
    const base = join(await scratch(), "made", "too");
    const made = await makeWorkDirectory(base, {}, uid);
    expect(made.path).toMatch(/\/cw-[A-Z0-9]{6}$/);
    expect((await stat(made.path)).mode & 0o777).toBe(0o700);
    expect(made.freeBytes).toBeGreaterThan(0);
    await made.remove();
    expect(await readdir(base)).toEqual([]);
  });

  it.each([
    ["relative/path", 3, "path is not absolute"],
    ["/etc/passwd/x", 4, "Could not create build directory in /etc/passwd/x"],
  ])("in %s is refused", async (given, code, message) => {
    await expect(makeWorkDirectory(given, {}, uid)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
      details: { hint: expect.stringContaining("CW_BUILD_TMPDIR") },
    });
  });

  it("whose build died is removed by the next build, others stay", async () => {
    const base = await scratch();
    const child = spawn("/bin/true");
    await once(child, "exit");
    const own = ownIdentity(hostname());
    const leave = async (name: string, owner: ProcessIdentity | undefined) => {
      await mkdir(join(base, name));
      if (owner) await writeOwner(join(base, name, "owner"), owner);
      else await writeFile(join(base, name, "file"), "");
    };
    await leave("cw-DEAD00", { ...own, pid: child.pid ?? 0 });
    await leave("cw-REBOOT", { ...own, boot: "another" });
    await leave("cw-ALIVE0", own);
    await leave("cw-OTHER0", { ...own, host: "other" });
    await leave("cw-UNKNOW", undefined);
    await leave("data", { ...own, pid: child.pid ?? 0 });
    const made = await makeWorkDirectory(base, {}, uid);
    await made.remove();
    expect((await readdir(base)).sort()).toEqual(["cw-ALIVE0", "cw-OTHER0", "cw-UNKNOW", "data"]);
  });

  it("whose build was killed before it noted whose it is, is removed by the next build", async () => {
    const base = await scratch();
    await mkdir(join(base, "cw-BEGUN0"));
    await (await makeWorkDirectory(base, {}, uid)).remove();
    expect(await readdir(base)).toEqual([]);
  });

  it("is had by each of many builds that begin at once", async () => {
    const base = await scratch();
    const made = await Promise.all(Array.from({ length: 40 }, () => makeWorkDirectory(base, {}, uid)));
    for (const { path } of made) expect(await readdir(path)).toEqual(["owner"]);
    expect(new Set(made.map(({ path }) => path)).size).toBe(40);
  });

  it("that somebody began to use while it was taken for a leftover stays", async () => {
    const base = await scratch();
    const { path } = await makeWorkDirectory(base, {}, uid);
    await removeDead(path, uid);
    expect(await readdir(path)).toEqual(["owner"]);
  });

  // Only root can make what another user would have planted.
  it.runIf(uid === 0)("is never what another user planted, and what he did is left alone", async () => {
    const base = await scratch();
    await chmod(base, 0o1777);
    const victim = join(base, "victim");
    const dead = { ...ownIdentity(hostname()), boot: "another" };
    for (const path of [victim, join(base, "cw-THEIRS")]) {
      await mkdir(path);
      await writeOwner(join(path, "owner"), dead);
    }
    await chown(join(base, "cw-THEIRS"), 54321, 54321);
    // Our own directory, by a link that looks like a leftover of ours.
    await symlink(victim, join(base, "cw-LINKED"));
    const made = await makeWorkDirectory(base, {}, uid);
    const info = await stat(made.path);
    expect([info.uid, info.mode & 0o777]).toEqual([uid, 0o700]);
    await made.remove();
    expect((await readdir(base)).sort()).toEqual(["cw-LINKED", "cw-THEIRS", "victim"]);
    expect(await readdir(victim)).toEqual(["owner"]);
  });

  it("says whose it is for as long as anything is in it", async () => {
    const base = await scratch();
    const { path, remove } = await makeWorkDirectory(base, {}, uid);
    for (const tree of ["a", "b", "z"]) {
      await mkdir(join(path, tree));
      for (let count = 0; count < 2000; count += 1) await writeFile(join(path, tree, String(count)), "");
    }
    const seen = new Set<string>();
    let isGone = false;
    const removing = remove().then(() => {
      isGone = true;
    });
    while (!isGone) {
      const names: string[] = await readdir(path).catch(() => []);
      if (names.length > 0) seen.add(names.includes("owner") ? "owned" : `nobody's: ${names}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await removing;
    expect([...seen]).toEqual(["owned"]);
  });

  it("that is kept is no leftover for later builds", async () => {
    const base = await scratch();
    const made = await makeWorkDirectory(base, {}, uid);
    await mkdir(join(made.path, "tree"));
    await unlink(join(made.path, "owner"));
    await writeOwner(join(made.path, "owner"), { ...ownIdentity(hostname()), boot: "another" });
    await keepWorkDirectory(made.path);
    await (await makeWorkDirectory(base, {}, uid)).remove();
    expect(await readdir(base)).toHaveLength(1);
  });
});

describe("removing a tree", () => {
  it("succeeds where packages took the write permission away", async () => {
    const base = await scratch();
    await mkdir(join(base, "t", "locked"), { recursive: true });
    await writeFile(join(base, "t", "locked", "file"), "x");
    await chmod(join(base, "t", "locked"), 0o500);
    await removeTree(join(base, "t"));
    expect(await readdir(base)).toEqual([]);
  });

  it("that is not there is done", async () => removeTree("/proc/nothing/x"));
});
