import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareEnvironments, sharedEnvironment } from "../support/launcher-environment.ts";
import { parseReport, REPORT, report } from "../support/launcher-report.ts";
import { remove, runAs, scratch, testUsers } from "../support/real.ts";

const INTERPRETERS: [string, [string, ...string[]]][] = [
  ["dash", ["dash"]],
  ["bash", ["bash"]],
  ["bash as sh", ["bash", "--posix"]],
  ["busybox sh", ["busybox", "sh"]],
  ["ksh", ["ksh"]],
  ["mksh", ["mksh"]],
];
const AWKWARD = [
  "",
  "a  b",
  "it's",
  '"',
  "$(touch pwned)",
  "\\",
  "*",
  "-n",
  "\u0001\u007f\u0080\u0088é😀",
  "new\nline\n",
];
const VALUE = "$(touch pwned) `id` 'a' \"b\" \\ * é😀\nsecond ";

describe.each(testUsers())("as $name", (user) => {
  const { root, python } = sharedEnvironment(user);
  let directory = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
  });
  afterAll(() => remove(directory));

  describe.each(INTERPRETERS)("with %s as the launcher's shell", (_, shell) => {
    it("arguments and variables are byte for byte the caller's", () => {
      const seen = report(user, [...shell, python], AWKWARD, {
        cwd: directory,
        env: { FOO: VALUE, ACTIVATED_PREPENDED: VALUE },
      });
      expect(seen).toMatchObject({ argv: AWKWARD, cwd: directory, executable: python, prefix: root });
      expect(seen.environment).toMatchObject({ FOO: VALUE, ACTIVATED_PREPENDED: `${root}/first:${VALUE}` });
    });

    it("a relative path and PATH work", () => {
      const line = `cd "$0/bin" && ${shell.join(" ")} ./python3 -c 'import sys; print(sys.prefix)'`;
      expect(runAs(user, ["sh", "-c", line, root])).toMatchObject({ stdout: `${root}\n`, stderr: "" });
    });

    it("the exit code and the signal are the program's", () => {
      expect(runAs(user, [...shell, python, "-c", "raise SystemExit(3)"]).exitCode).toBe(3);
      const killed = runAs(user, [...shell, python, "-c", "import os; os.kill(os.getpid(), 15)"]);
      expect(killed.signal).toBe("SIGTERM");
    });

    it("_debug_shell takes options of the runtime's shell, and nothing else", () => {
      const own = join(root, "bin", "_debug_shell");
      const file = join(directory, "a file");
      writeFileSync(file, "");
      const input = 'readlink /proc/$$/exe; ls /usr/share; [ "$1" ] || exit 4';
      const options = ["-B", `${directory}:/usr/share:ro`, "--shell", "/bin/dash"];
      const ran = runAs(user, [...shell, own, ...options], { input });
      expect(ran.stdout).toMatch(/\/dash\n(?:.*\n)*a file\n/);
      expect(ran.exitCode).toBe(4);
      const refused = runAs(user, [...shell, own, "python3"], { input });
      expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
      expect(refused.stderr).toMatch(/^kapseli: _debug_shell: usage: _debug_shell \[OPTION \.\.\.\] .*\n$/);
    });

    it("bytes that are not UTF-8 are refused in any locale, a locale that does not exist is no trouble", () => {
      for (const LC_ALL of ["C", "C.UTF-8"]) {
        const line = `exec ${shell.join(" ")} "$0" -c 'print(1)' "$(printf 'caf\\351')"`;
        const ran = runAs(user, ["sh", "-c", line, python], { env: { LC_ALL } });
        expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
        expect(ran.stderr).toContain("not valid UTF-8");
      }
      const seen = report(user, [...shell, python], ["é"], { env: { LC_ALL: "xx_XX.UTF-8" } });
      expect(seen).toMatchObject({ argv: ["é"], environment: { LC_ALL: "xx_XX.UTF-8" } });
    });

    it("800 KB that are not ASCII pass", () => {
      const args = Array(800).fill("é".repeat(500));
      expect(report(user, [...shell, python], args).argv).toEqual(args);
    });

    it("IFS and CDPATH of the environment change nothing", () => {
      const env = { IFS: "/enpyth3 ", CDPATH: "/usr:/tmp" };
      const seen = report(user, [...shell, python], ["a/b n"], { cwd: directory, env });
      expect(seen).toMatchObject({ argv: ["a/b n"], cwd: directory, prefix: root });
    });
  });

  it.each([
    ["bash", "exec \"$0\" -c \"$1\" 'a b' '$(id)' ''"],
    ["zsh", "exec \"$1\" -c \"$2\" 'a b' '$(id)' ''"],
    ["fish", "exec $argv[1] -c $argv[2] 'a b' '$(id)' ''"],
    ["tcsh", ""],
    ["ksh", "exec \"$0\" -c \"$1\" 'a b' '$(id)' ''"],
  ])("called from %s the arguments are as they were typed", (shell, line) => {
    // tcsh takes no arguments after -c's and no newline in a word: the program is a file there.
    writeFileSync(join(directory, "report.py"), REPORT);
    const call: [string, ...string[]] =
      shell === "tcsh"
        ? ["tcsh", "-f", "-c", `exec ${python} ${join(directory, "report.py")} 'a b' '$(id)' ''`]
        : shell === "zsh"
          ? ["zsh", "-f", "-c", line, "zsh", python, REPORT]
          : [shell, "-c", line, python, REPORT];
    expect(parseReport(runAs(user, call)).argv).toEqual(["a b", "$(id)", ""]);
  });

  it("called by bash with exported functions, as modules export them, works", () => {
    const line = "module() { echo no; }; cd() { echo no; }; export -f module cd; exec \"$0\" -c 'print(1)'";
    expect(runAs(user, ["bash", "-c", line, python])).toMatchObject({ stdout: "1\n", stderr: "" });
  });

  it("a BASH_ENV that writes is no part of a start by the launcher's own path", () => {
    writeFileSync(join(directory, "bash_env"), "echo from BASH_ENV\n");
    const env = { BASH_ENV: join(directory, "bash_env"), ENV: join(directory, "bash_env") };
    expect(runAs(user, [python, "-c", "print(1)"], { env })).toMatchObject({ stdout: "1\n", stderr: "" });
  });

  it("nothing was evaluated on the way", () => {
    expect(runAs(user, ["ls", directory]).stdout).not.toContain("pwned");
  });
});
