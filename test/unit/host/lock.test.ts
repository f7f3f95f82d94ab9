import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LOCK_NAME, lockPrefix } from "../../../src/host/lock.ts";
import { bootId, isAlive, ownIdentity, startTime } from "../../../src/host/proc-stat.ts";
import { scratch } from "../../support/programs.ts";

/** A process that has ended and been waited for. */
async function deadPid(): Promise<number> {
  const child = spawn("/bin/true");
  await once(child, "exit");
  return child.pid ?? 0;
}

async function lockedBy(holder: object | string): Promise<string> {
  const directory = await scratch();
  const text =
    typeof holder === "string" ? holder : JSON.stringify({ user: "ann", since: "today", ...holder });
  await symlink(text, join(directory, LOCK_NAME));
  return directory;
}

const own = () => ownIdentity(hostname());

describe("the lock of a prefix", () => {
  it("is taken, given back, and can be taken again", async () => {
    const directory = await scratch();
    for (let round = 0; round < 2; round++) {
      const release = await lockPrefix(directory);
      expect(await readdir(directory)).toEqual([LOCK_NAME]);
      expect(JSON.parse(await readlink(join(directory, LOCK_NAME)))).toMatchObject({
        pid: process.pid,
      });
      await release();
      expect(await readdir(directory)).toEqual([]);
    }
  });

  it("is not written through a link that somebody else put where its own file could be", async () => {
    const directory = await scratch();
    const precious = join(directory, "precious");
    await writeFile(precious, "mine");
    // What lock files beside the lock were called once, and are called elsewhere.
    for (const name of [`${LOCK_NAME}.${hostname()}.${process.pid}`, `${LOCK_NAME}.${process.pid}`]) {
      await symlink(precious, join(directory, name));
    }
    await (await lockPrefix(directory))();
    expect(await readFile(precious, "utf8")).toBe("mine");
  });

  it("is had by one of two, and the other says by whom", async () => {
    const directory = await scratch();
    const release = await lockPrefix(directory);
    await expect(lockPrefix(directory)).rejects.toMatchObject({
      code: 4,
      message: expect.stringContaining(`another build works on ${directory}: process ${process.pid} of `),
      details: { hint: expect.stringContaining("Wait") },
    });
    expect(await readdir(directory)).toEqual([LOCK_NAME]);
    await release();
  });

  it("is had by exactly one of many that ask at once", async () => {
    const directory = await lockedBy({ ...own(), pid: await deadPid() });
    const asked = await Promise.allSettled(Array.from({ length: 8 }, () => lockPrefix(directory)));
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it.each<[string, () => Promise<object | string>]>([
    ["of a dead process", async () => ({ ...own(), pid: await deadPid() })],
    ["of another process with the same number", async () => ({ ...own(), start: "1" })],
    ["of another boot", async () => ({ ...own(), boot: "another" })],
    ["that is none of ours", async () => '{"pid": '],
  ])("%s is taken over", async (_what, holder) => {
    const directory = await lockedBy(await holder());
    const release = await lockPrefix(directory);
    expect(await readdir(directory)).toEqual([LOCK_NAME]);
    await release();
  });

  it("of another host is respected, and its file named", async () => {
    const directory = await lockedBy({ ...own(), host: "other-host", pid: 77 });
    await expect(lockPrefix(directory)).rejects.toMatchObject({
      message: expect.stringContaining("process 77 on other-host of ann, since today"),
      details: { hint: expect.stringContaining(join(directory, LOCK_NAME)) },
    });
  });
});

describe("a process's identity", () => {
  it("is alive for this one", () => expect(isAlive(own(), hostname())).toBe("alive"));
  it("is unknown on another host", () => expect(isAlive(own(), "other")).toBe("unknown"));
  it("is dead after another boot", () => expect(isAlive({ ...own(), boot: "x" }, hostname())).toBe("dead"));
  it("has a boot id and a start time", () => {
    expect(bootId()).toMatch(/^[0-9a-f-]{36}$/);
    expect(startTime(process.pid)).toMatch(/^\d+$/);
  });
  it("has none when the process is gone", async () => expect(startTime(await deadPid())).toBeUndefined());
  it("survives odd program names", async () => {
    const child = spawn("/bin/sh", ["-c", "printf '%s' 'a) b (c' >/proc/$$/comm; echo ready; read -r line"]);
    await once(child.stdout, "data");
    expect(startTime(child.pid ?? 0)).toMatch(/^\d+$/);
    child.stdin.end();
    await once(child, "exit");
  });
});
