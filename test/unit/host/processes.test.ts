import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { interruption, run } from "../../../src/host/processes.ts";
import { executable, firstLine, gone, scratch } from "../../support/programs.ts";

const env = { PATH: process.env.PATH ?? "/usr/bin:/bin" };
const sh = (script: string, ...words: string[]) => ({
  argv: ["/bin/sh", "-c", script, "sh", ...words] as const,
  env,
});

describe("a program's end", () => {
  it.each([
    ["exit 0", 0],
    ["exit 3", 3],
    ["exit 255", 255],
    ["kill -TERM $$", 143],
    ["kill -BUS $$", 135],
    ["kill -KILL $$", 137],
  ])("%s is %d", async (script, exitCode) => {
    expect(await run(sh(script))).toMatchObject({ exitCode, timedOut: false });
  });

  it.each([
    ["a missing program", ["/nonexistent/program"], undefined, "ENOENT"],
    ["a missing directory", ["/bin/true"], "/proc/nothing", "ENOENT"],
    ["a file without permission", ["/etc/passwd"], undefined, "EACCES"],
    ["more words than the system takes", ["/bin/true", "x".repeat(200_000)], undefined, "E2BIG"],
  ])("of %s is 127 with the reason", async (_what, argv, cwd, startError) => {
    const command = { argv: argv as [string, ...string[]], env, ...(cwd ? { cwd } : {}) };
    expect(await run(command)).toMatchObject({ exitCode: 127, startError });
  });
});

describe("what a program gets", () => {
  it("are its words as they are, whatever is in them", async () => {
    const words = ["", "two words", "$(touch pwned)", "`id`", "*", "it's", "a\nb", "äö"];
    const { stdout } = await run(sh(`printf '%s\\0' "$@"`, ...words));
    expect(stdout.split("\0").slice(0, -1)).toEqual(words);
  });

  it("is the environment given and nothing else", async () => {
    process.env.KAPSELI_TEST_LEAK = "1";
    const { stdout } = await run({ argv: ["/usr/bin/env"], env: { A: "b" } });
    expect(stdout).toBe("A=b\n");
  });

  it("is an empty standard input, or the one given", async () => {
    expect((await run({ argv: ["/bin/cat"], env })).stdout).toBe("");
    expect((await run({ argv: ["/bin/cat"], env, input: "hello" })).stdout).toBe("hello");
  });

  it("is a directory", async () => {
    const cwd = await scratch();
    expect((await run({ argv: ["/bin/pwd"], env, cwd })).stdout).toBe(`${cwd}\n`);
  });
});

describe("what a program prints", () => {
  it("comes line by line, whatever ends them", async () => {
    const lines: string[] = [];
    const onLine = (line: string, stream: string) => lines.push(`${stream} ${line}`);
    await run(sh("printf 'a\\r\\nb\\rc\\n\\nd'; echo e >&2"), { onLine });
    expect(lines.filter((line) => line.startsWith("stdout"))).toEqual([
      "stdout a",
      "stdout b",
      "stdout c",
      "stdout ",
      "stdout d",
    ]);
    expect(lines).toContain("stderr e");
  });

  it("keeps characters whole that come in pieces", async () => {
    const lines: string[] = [];
    const script = "printf '\\303'; /bin/true; printf '\\244\\n'";
    await run(sh(script), { onLine: (line) => void lines.push(line) });
    expect(lines).toEqual(["ä"]);
  });

  it("is kept from its end when it is much", async () => {
    const many =
      "i=0; while [ $i -lt 70 ]; do head -c 100000 /dev/zero | tr '\\0' x; i=$((i+1)); done; echo end";
    const { stdout } = await run(sh(many));
    expect(stdout.endsWith("xend\n")).toBe(true);
    expect(stdout.length).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(stdout.length).toBeGreaterThan(3 * 1024 * 1024);
  });
});

describe("an interruption", () => {
  it("ends the whole group, also a child that ignores TERM, and throws its reason", async () => {
    const directory = await scratch();
    const stubborn = await executable(
      join(directory, "stubborn"),
      `#!/bin/sh\ntrap '' TERM\necho $$ >"${directory}/pid"\nwhile :; do read -r line </dev/zero & wait; done\n`,
    );
    const controller = new AbortController();
    const running = run(sh(`"$1" & wait`, stubborn), { signal: controller.signal }).catch(
      (error: unknown) => error,
    );
    const pid = Number(await firstLine(join(directory, "pid")));
    controller.abort(interruption("SIGTERM"));
    expect(await running).toMatchObject({ code: 143, message: "Interrupted by SIGTERM" });
    await gone(pid);
  });

  it("before the start starts nothing", async () => {
    const directory = await scratch();
    const signal = AbortSignal.abort(interruption("SIGINT"));
    await expect(run(sh(`: >"$1"`, join(directory, "x")), { signal })).rejects.toMatchObject({ code: 130 });
    expect((await run({ argv: ["/bin/ls", directory], env })).stdout).toBe("");
  });

  it("by hanging up is 129", () => expect(interruption("SIGHUP").code).toBe(129));

  it("takes no hold on a program that ended", async () => {
    const controller = new AbortController();
    await run(sh("exit 0"), { signal: controller.signal });
    controller.abort();
  });
});

describe("a program that hangs", () => {
  it("is ended when its time is over, which is a result", async () => {
    const finished = await run({ argv: ["/bin/sleep", "1000"], env }, { timeoutMs: 50 });
    expect(finished).toMatchObject({ timedOut: true, exitCode: 143 });
  });
});
