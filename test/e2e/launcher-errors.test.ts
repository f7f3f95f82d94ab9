import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareEnvironments, sharedEnvironment } from "../support/launcher-environment.ts";
import { remove, runAs, scratch, testUsers } from "../support/real.ts";

/** What happened to the prefix, the shell line that does it, what the launcher says. */
const DAMAGES: [string, string, RegExp][] = [
  [
    "the image is gone",
    "rm current/env.sqfs",
    /the image \S+\/env\.sqfs is missing or cannot be read; mend it with kapseli verify --repair \S+, or build .*again/,
  ],
  [
    "current leads nowhere",
    "ln -sfn generations/9 current",
    /the environment in \S+ is damaged or gone .*build it again/,
  ],
  ["current is gone", "rm current", /the environment in \S+ is damaged or gone/],
  ["launcher.sh is gone", "rm current/launcher.sh", /the environment in \S+ is damaged or gone/],
  ["launcher.sh is empty", ": >current/launcher.sh", /the environment in \S+ is damaged or gone/],
  ["the generations are gone", "rm -r generations", /the environment in \S+ is damaged or gone/],
  [
    "the runtime is not on this host",
    "sed -i \"s|^__k_runtime=.*|__k_runtime='/nonexistent/no-such-apptainer'|\" current/launcher.sh",
    /the container runtime no-such-apptainer is not on this host .*load its module/,
  ],
];

describe.each(testUsers())("as $name", (user) => {
  const shared = sharedEnvironment(user);
  let directory = "";
  let prefix = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
    prefix = join(directory, "env");
  });
  afterAll(() => remove(directory));

  const damaged = (line: string) => {
    const script = 'rm -rf env && cp -a "$0" env && cd env && eval "$1"';
    const ran = runAs(user, ["sh", "-ec", script, shared.root, line], { cwd: directory });
    if (ran.exitCode !== 0) throw new Error(ran.stderr);
    // The stub of a prefix that is where it was built: its own place is the recorded one.
    for (const file of ["bin/python3"]) writeFileSync(join(prefix, file), stub());
  };
  const stub = () => runAs(user, ["cat", shared.python]).stdout.replaceAll(shared.root, prefix);

  it.each(DAMAGES)("when %s, one line says so and what mends it, exit code 1", (_, line, message) => {
    damaged(line);
    const ran = runAs(user, [join(prefix, "bin/python3"), "-V"]);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).toMatch(/^kapseli: python3: [^\n]*\n$/);
    expect(ran).toMatchObject({ stdout: "", exitCode: 1 });
  });

  it.runIf(user.uid !== 0)("when the image may not be read, one line says so", () => {
    damaged("chmod 0 current/env.sqfs");
    const ran = runAs(user, [join(prefix, "bin/python3"), "-V"]);
    expect(ran.stderr).toMatch(/^kapseli: python3: the image \S+ is missing or cannot be read[^\n]*\n$/);
    expect(ran.exitCode).toBe(1);
  });

  it("when the runtime was moved, the one on PATH is taken", () => {
    damaged("sed -i \"s|^__k_runtime=.*|__k_runtime='/nonexistent/apptainer'|\" current/launcher.sh");
    expect(runAs(user, [join(prefix, "bin/python3"), "-V"]).stdout).toBe("Python 3.11.2\n");
  });

  it("a name that the environment does not have (any more) says so", () => {
    damaged("ln bin/cowsay bin/gone; ln bin/cowsay 'bin/it is $(gone)'");
    for (const name of ["gone", "it is $(gone)"]) {
      const ran = runAs(user, [join(prefix, "bin", name)]);
      expect(ran).toMatchObject({
        stderr: `kapseli: ${name}: the environment in ${shared.root} has no command of this name (any more)\n`,
        exitCode: 1,
      });
    }
  });

  it("a command that _debug_exec cannot find is the runtime's error and exit code, 255", () => {
    const ran = runAs(user, [join(shared.bin, "_debug_exec"), "no-such-program"]);
    expect(ran.stderr).toContain("no-such-program");
    expect(ran.exitCode).toBe(255);
  });
});
