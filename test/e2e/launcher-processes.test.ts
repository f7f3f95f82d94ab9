import { readFileSync, symlinkSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  copyOf,
  everyWay,
  prepareEnvironments,
  sharedEnvironment,
  viewEnvironment,
} from "../support/launcher-environment.ts";
import { remove, runAs, scratch, type TestUser, testUsers } from "../support/real.ts";

const RUNTIME = "/usr/bin/apptainer";

/** The execve and process-making calls of a launcher and all its children, until the runtime is there; one process each. */
function untilRuntime(user: TestUser, directory: string, call: string[], env: Record<string, string> = {}) {
  const trace = join(directory, "trace");
  const traced = runAs(
    user,
    ["strace", "-f", "-qq", "-e", "trace=execve,clone,clone3,fork,vfork", "-o", trace, ...call],
    { env },
  );
  expect(traced).toMatchObject({ exitCode: 0, stderr: "" });
  const lines = readFileSync(trace, "utf8").split("\n");
  const runtime = lines.findIndex((line) => line.includes(`execve("${RUNTIME}"`));
  expect(runtime).toBeGreaterThan(-1);
  return lines
    .slice(0, runtime + 1)
    .map((line) => line.replace(/^\d+ +/, "").replace(/^(\w+)\("([^"]*)".*/, "$1 $2"));
}

/** Files that a launcher opens for itself, before the runtime. */
function openedUntilRuntime(user: TestUser, directory: string, call: string[]): string[] {
  const trace = join(directory, "opened");
  runAs(user, ["strace", "-qq", "-e", "trace=execve,open,openat", "-o", trace, ...call]);
  const lines = readFileSync(trace, "utf8").split("\n");
  const runtime = lines.findIndex((line) => line.includes(`execve("${RUNTIME}"`));
  return lines.slice(0, runtime).flatMap((line) => /^open.*"([^"]+)".*= \d+$/.exec(line)?.[1] ?? []);
}

describe.each(testUsers())("as $name", (user) => {
  const { python, root } = sharedEnvironment(user);
  let directory = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
  });
  afterAll(() => remove(directory));

  describe.each(everyWay(user))("a start, the image mounted by $way,", ({ environment }) => {
    it("is one process: the stub becomes the runtime, nothing is forked", () => {
      const chain = untilRuntime(user, directory, [environment.python, "-c", "pass"]);
      expect(chain).toEqual([`execve ${environment.python}`, `execve ${RUNTIME}`]);
    });

    it("is one process with arguments, variables and a home that take the long way too", () => {
      const env = { HOME: "/tmp/co:lon", FOO: "$(id)", LC_ALL: "xx_XX.UTF-8", ACTIVATED_PREPENDED: "x" };
      const call = [environment.python, "-c", "pass", "é😀", "x".repeat(100_000)];
      const chain = untilRuntime(user, directory, call, env);
      expect(chain).toEqual([`execve ${environment.python}`, `execve ${RUNTIME}`]);
    });
  });

  it.each([
    ["dash", ["dash"]],
    ["bash", ["bash"]],
    ["busybox sh", ["busybox", "sh"]],
    ["ksh", ["ksh"]],
    ["mksh", ["mksh"]],
  ])("nothing is forked under %s either", (_, shell) => {
    const chain = untilRuntime(user, directory, [...shell, python, "-c", "pass", "é"]);
    expect(chain.filter((line) => !line.startsWith("execve"))).toEqual([]);
    expect(chain.at(-1)).toBe(`execve ${RUNTIME}`);
  });

  it("nothing is forked for a link, a venv's python or the view layout; one process reads a link into a moved prefix", () => {
    const link = join(directory, "link");
    symlinkSync(python, link);
    const started = [`execve ${link}`, `execve ${RUNTIME}`];
    expect(untilRuntime(user, directory, [link, "-c", "pass"])).toEqual(started);
    const view = viewEnvironment(user).python;
    expect(untilRuntime(user, directory, [view, "-c", "pass"])).toEqual([
      `execve ${view}`,
      `execve ${RUNTIME}`,
    ]);
    const moved = copyOf(user, viewEnvironment(user), join(directory, "moved"));
    expect(untilRuntime(user, directory, [moved.python, "-c", "pass"])).toHaveLength(2);
    symlinkSync(moved.python, join(directory, "into-moved"));
    const forked = untilRuntime(user, directory, [join(directory, "into-moved"), "-c", "pass"]);
    expect(forked.filter((line) => line.startsWith("execve"))).toEqual([
      `execve ${join(directory, "into-moved")}`,
      "execve /usr/bin/readlink",
      `execve ${RUNTIME}`,
    ]);
  });

  it("reads the stub and launcher.sh, no other file of the prefix", () => {
    const opened = openedUntilRuntime(user, directory, [python, "-c", "pass"]);
    expect(opened.filter((path) => path.startsWith(root))).toEqual([
      python,
      join(root, "current/launcher.sh"),
    ]);
  });

  it("leaves no process when it is over", () => {
    runAs(user, [python, "-c", "pass"], { env: { KAPSELI_TEST_MARK: directory } });
    const find = `grep -lz "^KAPSELI_TEST_MARK=${directory}$" /proc/[0-9]*/environ 2>/dev/null`;
    const started = Date.now();
    let left = "";
    // The runtime unmounts after the program's end; it is given the time that it takes.
    do {
      left = runAs({ ...user, uid: userInfo().uid, gid: userInfo().gid }, ["sh", "-c", find]).stdout;
    } while (left !== "" && Date.now() - started < 20_000);
    expect(left).toBe("");
  });
});
