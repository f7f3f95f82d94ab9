import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareEnvironments, sharedEnvironment } from "../support/launcher-environment.ts";
import { report, reportIn } from "../support/launcher-report.ts";
import { remove, runAs, scratch, testUsers } from "../support/real.ts";

describe.each(testUsers())("as $name", (user) => {
  const { root, python } = sharedEnvironment(user);
  let directory = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
    const made = [
      "a space",
      "co:lon",
      "com,ma",
      "dollar $(touch pwned)",
      "ünï 😀",
      "new\nline",
      'quo"te',
      "-dash",
    ];
    for (const name of made) runAs(user, ["mkdir", "--", name], { cwd: directory });
  });
  afterAll(() => remove(directory));

  describe("the working directory is the caller's:", () => {
    it.each([
      "a space",
      "co:lon",
      "com,ma",
      "dollar $(touch pwned)",
      "ünï 😀",
      "new\nline",
      'quo"te',
      "-dash",
    ])("%j", (name) => {
      const cwd = join(directory, name);
      const seen = report(user, python, [], { cwd });
      expect(seen.cwd).toBe(cwd);
      expect(seen.environment.PWD).toBe(cwd);
    });

    it.each(["/", "/usr", "/usr/lib", "/tmp", "/proc", "/sys", "/dev/shm"])("%s", (cwd) => {
      expect(report(user, python, [], { cwd }).cwd).toBe(cwd);
    });

    it("the prefix, and its bin", () => {
      expect(report(user, python, [], { cwd: root }).cwd).toBe(root);
      expect(report(user, python, [], { cwd: join(root, "bin") }).cwd).toBe(join(root, "bin"));
    });

    it("reached through a link", () => {
      const line = 'ln -s "a space" link && cd link && "$@"';
      expect(reportIn(user, line, python, { cwd: directory }).cwd).toBe(join(directory, "a space"));
    });

    it("whatever PWD says", () => {
      const seen = report(user, python, [], { cwd: directory, env: { PWD: "/nonexistent" } });
      expect(seen.cwd).toBe(directory);
      expect(report(user, python, [], { cwd: directory, env: { PWD: undefined } }).cwd).toBe(directory);
    });

    it("one that is not in the image is an error, never the home directory in silence", () => {
      const cwd = join(root, "generations");
      const ran = runAs(user, [python, "-c", "print(1)"], { cwd });
      expect(ran).toMatchObject({ stdout: "", exitCode: 255 });
      expect(ran.stderr).toContain(cwd);
    });

    it.each(["dash", "bash", "busybox sh", "ksh"])(
      "one that was removed is an error of one line (%s)",
      (shell) => {
        const line = `mkdir gone && cd gone && rmdir ../gone && exec ${shell} "$0" -c 'print(1)'`;
        const ran = runAs(user, ["sh", "-c", line, python], { cwd: directory });
        expect(ran).toMatchObject({ stdout: "", exitCode: 1 });
        expect(ran.stderr).toMatch(/^kapseli: python3: the working directory .*is gone .*$/m);
      },
    );

    it.runIf(user.uid !== 0)("one that may not be entered (su, sudo) becomes /", () => {
      const line = 'mkdir -p closed && cd closed && chmod 0 . && "$@"; s=$?; chmod 700 .; exit $s';
      expect(reportIn(user, line, python, { cwd: directory }).cwd).toBe("/");
    });
  });

  describe("HOME is the caller's:", () => {
    it.each([
      ["with a space", "a space"],
      ["with a colon", "co:lon"],
      ["with a comma", "com,ma"],
      ["with a double quote", 'quo"te'],
      ["that would be evaluated", "dollar $(touch pwned)"],
      ["in another script", "ünï 😀"],
      ["that does not exist", "nowhere/at all"],
    ])("one %s", (_, name) => {
      const HOME = join(directory, name);
      expect(report(user, python, [], { cwd: directory, env: { HOME } }).environment.HOME).toBe(HOME);
    });

    it.each(["relative", ".", "/", "/nonexistent/home", "/usr", "/proc"])("%s", (HOME) => {
      expect(report(user, python, [], { env: { HOME } }).environment.HOME).toBe(HOME);
    });

    it("without one, or an empty one, it is the account's", () => {
      expect(report(user, python, [], { env: { HOME: undefined } }).environment.HOME).toBe(user.home);
      expect(report(user, python, [], { env: { HOME: "" } }).environment.HOME).toBe(user.home);
    });

    it("files in it are the host's", () => {
      const HOME = join(directory, "a space");
      const source = "import os, pathlib; pathlib.Path('~/made').expanduser().write_text('x')";
      expect(runAs(user, [python, "-c", source], { env: { HOME } }).exitCode).toBe(0);
      expect(runAs(user, ["cat", join(HOME, "made")]).stdout).toBe("x");
    });
  });

  describe("TMPDIR is the caller's:", () => {
    it.each(["/missing/tmp", "", "relative"])("%j", (TMPDIR) => {
      expect(report(user, python, [], { env: { TMPDIR } }).environment.TMPDIR).toBe(TMPDIR);
    });

    it.each(["a space", "co:lon", "ünï 😀"])("files are made in one called %j", (name) => {
      const TMPDIR = join(directory, name);
      const source = "import tempfile; print(tempfile.NamedTemporaryFile().name)";
      expect(runAs(user, [python, "-c", source], { env: { TMPDIR } }).stdout).toMatch(`${TMPDIR}/`);
    });
  });

  it("nothing was evaluated on the way", () => {
    expect(runAs(user, ["sh", "-c", "ls -d pwned */pwned"], { cwd: directory }).stdout).toBe("");
  });
});
