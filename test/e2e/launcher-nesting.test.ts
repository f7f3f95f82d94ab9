import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  copyOf,
  everyWay,
  otherEnvironment,
  prepareEnvironments,
  sharedEnvironment,
} from "../support/launcher-environment.ts";
import { program } from "../support/launcher-report.ts";
import { remove, runAs, scratch, testUsers } from "../support/real.ts";

describe.each(testUsers())("as $name", (user) => {
  const shared = sharedEnvironment(user);
  const itself = `${shared.python} ${shared.root}`;
  let directory = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
    writeFileSync(join(directory, "spawn.py"), program("spawn.py"));
  });
  afterAll(() => remove(directory));

  describe.each(everyWay(user))(
    "a program of the environment, the image mounted by $way,",
    ({ environment }) => {
      it("starts others by sys.executable, name, path, shell, spawn and fork server: all are the prefix's", () => {
        const ran = runAs(user, [environment.python, join(directory, "spawn.py")]);
        expect(ran.stderr).toBe("");
        expect(JSON.parse(ran.stdout)).toEqual({
          itself,
          "sys.executable": itself,
          "by name": itself,
          "found on PATH": shared.python,
          "by path": itself,
          "from its directory": itself,
          "by a shell": itself,
          spawned: [itself],
          "of a fork server": [itself],
        });
      });
    },
  );

  const WHERE = "import os, sys; print(sys.executable, sys.prefix, os.getppid())";
  /** Runs a launcher from inside the shared environment's container; prints its parent's pid and the shell's. */
  const inside = (path: string, env: Record<string, string> = {}) =>
    runAs(
      user,
      [join(shared.bin, "_debug_exec"), "sh", "-c", `"$0" -c '${WHERE}'; s=$?; echo $$; exit $s`, path],
      {
        env,
      },
    );

  const link = () => join(directory, "link");
  it.each([
    ["its own path", () => [shared.python, shared.python, shared.root]],
    ["a link to it", () => [link(), link(), shared.root]],
    // As natively: Python takes the path it is called by for its own.
    [
      "a symlinked parent",
      () => [
        join(directory, "parent/bin/python3"),
        join(directory, "parent/bin/python3"),
        join(directory, "parent"),
      ],
    ],
    [
      "the launcher of a copy, which the image does not cover",
      () => [copyOf(user, shared, join(directory, "copy")).python, shared.python, shared.root],
    ],
  ])("called in its own container by %s, it is the program itself, without a second runtime", (_, call) => {
    runAs(user, ["sh", "-c", 'ln -sfn "$0" link; ln -sfn "$1" parent', shared.python, shared.root], {
      cwd: directory,
    });
    const [path = "", executable, prefix] = call();
    const ran = inside(path);
    expect(ran.stderr).toBe("");
    const [seen = "", shell] = ran.stdout.split("\n");
    // The shell that called it is its parent: there is no runtime in between.
    expect(seen.split(" ")).toEqual([executable, prefix, shell]);
  });

  it("called in the container of another environment it says so, with what to do, in one line", () => {
    const other = otherEnvironment(user);
    const ran = inside(other.python);
    expect(ran.stderr).toMatch(
      /^kapseli: python3: called inside another container .*CW_EXTRA_BIND_MOUNTS=.*\n$/,
    );
    expect(ran.stderr).toContain(`${other.root}/current/env.sqfs:${other.root}:image-src=/`);
    expect(ran.exitCode).toBe(1);
  });

  it("called in the container of another environment that has its image mounted too, it is the program itself", () => {
    const other = otherEnvironment(user);
    const env = { SINGULARITY_BIND: `${other.root}/current/env.sqfs:${other.root}:image-src=/` };
    const ran = inside(other.python, env);
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toMatch(`${other.python} ${other.root} `);
  });

  it("the host's programs run inside, and _debug_exec gives their exit code and arguments", () => {
    const ran = runAs(user, [
      join(shared.bin, "_debug_exec"),
      "sh",
      "-c",
      'printf "%s|" "$@"; exit 7',
      "sh",
      "a b",
      "",
    ]);
    expect(ran).toMatchObject({ stdout: "a b||", exitCode: 7 });
  });

  it("_debug_exec without a command says how it is used", () => {
    const ran = runAs(user, [join(shared.bin, "_debug_exec")]);
    expect(ran.stderr).toMatch(/^kapseli: _debug_exec: usage: _debug_exec COMMAND .*\n$/);
    expect(ran.exitCode).toBe(1);
  });

  it("_debug_shell is a shell in the container, with the environment's commands first", () => {
    const input = "command -v python3; python3 -c 'import sys; print(sys.prefix)'; pwd; exit 6\n";
    const ran = runAs(user, [join(shared.bin, "_debug_shell")], { input, cwd: directory });
    expect(ran.stdout).toBe(`${shared.python}\n${shared.root}\n${directory}\n`);
    expect(ran.exitCode).toBe(6);
  });
});
