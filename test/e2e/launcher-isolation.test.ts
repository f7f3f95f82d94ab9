import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { smallTree } from "../support/base-image.ts";
import { newPlace, type Place } from "../support/builds.ts";
import {
  copyOf,
  environmentAt,
  type LauncherEnvironment,
  manifestOf,
  otherEnvironment,
  prepareEnvironments,
  rewriteLauncher,
  sharedEnvironment,
  viewEnvironment,
} from "../support/launcher-environment.ts";
import { report } from "../support/launcher-report.ts";
import { ordinary, type Ran, remove, runAs, scratch } from "../support/real.ts";

/** What the base has as its own, recorded when it was built. */
const OWN_PATH = "/own/bin:/usr/bin:/bin";
const OWN_LIBRARIES = "/own/lib";

describe("an isolated environment", () => {
  const user = ordinary();
  let place: Place;
  let directory = "";
  /** A wrapped container: programs of a busybox tree. */
  let wrapped: LauncherEnvironment;
  /** The shared environment over the host's system alone. */
  let onHost: LauncherEnvironment;

  const lines = (line: string, env: Record<string, string> = {}): string => {
    const ran = runAs(user, ["sh", "-ec", line], { cwd: directory, env });
    if (ran.exitCode !== 0) throw new Error(ran.stderr);
    return ran.stdout;
  };
  const inWrapped = (line: string, env: Record<string, string> = {}, cwd = directory): Ran =>
    runAs(user, [join(wrapped.bin, "sh"), "-c", line], { env, cwd });
  const variable = (name: string, env: Record<string, string> = {}): string =>
    inWrapped(`printf %s "$${name}"`, env).stdout;

  beforeAll(() => {
    prepareEnvironments(user);
    place = newPlace(user);
    directory = scratch(user);
    const tree = smallTree(place, "tree", "isolated");
    lines("mkdir tmp");
    const isolation = {
      mountPoints: ["/srv", "/srv/nowhere", "/nonexistent/mount/point"],
      path: OWN_PATH,
      libraries: OWN_LIBRARIES,
    };
    // Away from the home directory, which every container has.
    lines('rm -rf "$P" && mkdir "$P"', { P: `/var/tmp/kapseli-isolated-${user.name}` });
    wrapped = copyOf(user, viewEnvironment(user), `/var/tmp/kapseli-isolated-${user.name}/wrapped`);
    lines(
      `cd "$P"/current && rm env.sqfs view/bin/* && ln -s /bin/busybox view/bin/sh && ln -s /usr/bin/env view/bin/ &&
       cd "$P"/bin && ln _debug_exec sh && ln _debug_exec env`,
      { P: wrapped.root },
    );
    rewriteLauncher(wrapped.root, {
      layout: { kind: "view" },
      environmentRoot: "",
      base: tree,
      baseKind: "image",
      runtimeFlags: manifestOf(wrapped.root).runtime.flags.map((flag) =>
        flag.includes("cwd") ? "cwd" : flag,
      ),
      commands: ["sh", "env"],
      environment: [],
      isolation,
    });
    onHost = copyOf(user, sharedEnvironment(user), join(directory, "on-host"));
    rewriteLauncher(onHost.root, { isolation });
  });
  afterAll(() => {
    remove(directory);
    remove(`/var/tmp/kapseli-isolated-${user.name}`);
    place?.[Symbol.dispose]();
  });

  it("has the base's system, its mount points, the home directory, TMPDIR and nothing else of the host", () => {
    const list = inWrapped("ls /; cat /etc/kapseli-release").stdout.split("\n");
    expect(list).toEqual(expect.arrayContaining(["isolated", "srv", "tmp"]));
    expect(list.filter((name) => ["mnt", "opt", "boot", "media", "work"].includes(name))).toEqual([]);
    const TMPDIR = join(directory, "tmp");
    const made = inWrapped("echo x >$TMPDIR/made && echo $TMPDIR", { TMPDIR, HOME: "/nonexistent" });
    expect(made.stdout).toBe(`${TMPDIR}\n`);
    expect(lines("cat tmp/made")).toBe("x\n");
    expect(inWrapped("test -d $HOME; echo $?").stdout).toBe("0\n");
  });

  it("a TMPDIR that is missing is no trouble", () => {
    expect(inWrapped("echo ok", { TMPDIR: "/nonexistent/tmp" })).toMatchObject({
      stdout: "ok\n",
      stderr: "",
    });
  });

  it("PATH is the prefix's bin, the caller's SINGULARITYENV_PATH, then the base's own; the host's is absent", () => {
    expect(variable("PATH", { PATH: "/host/only:/usr/bin" })).toBe(`${wrapped.bin}:${OWN_PATH}`);
    expect(variable("PATH", { SINGULARITYENV_PATH: "/a b:/c" })).toBe(`${wrapped.bin}:/a b:/c:${OWN_PATH}`);
    expect(variable("PATH", { APPTAINERENV_PATH: "/a" })).toBe(`${wrapped.bin}:/a:${OWN_PATH}`);
    expect(variable("OLD_PATH", { PATH: "/host/only:/usr/bin" })).toBe("/host/only:/usr/bin");
  });

  it("LD_LIBRARY_PATH is the caller's SINGULARITYENV_LD_LIBRARY_PATH, then the base's own; the host's is absent", () => {
    const env = { LD_LIBRARY_PATH: "/host", SINGULARITYENV_LD_LIBRARY_PATH: "/s" };
    expect(variable("LD_LIBRARY_PATH", env)).toMatch(/^\/s:\/own\/lib(:\/\.singularity\.d\/libs)?$/);
  });

  it("tells that it is isolated, and where it is", () => {
    expect(variable("_CW_IS_ISOLATED")).toBe("yes");
    expect(variable("install_root")).toBe(wrapped.root);
  });

  it("CW_EXTRA_BIND_MOUNTS is ignored, SINGULARITY_BIND is not", () => {
    const line = "ls -d /extra /bound 2>/dev/null; :";
    const env = { CW_EXTRA_BIND_MOUNTS: "/etc:/extra", SINGULARITY_BIND: "/etc:/bound" };
    expect(inWrapped(line, env).stdout).toBe("/bound\n");
  });

  it("a working directory that is visible is kept; another becomes the base's or the home directory, in silence", () => {
    const cwd = "/srv";
    expect(inWrapped("pwd", {}, cwd).stdout).toBe(`${cwd}\n`);
    expect(inWrapped("pwd", {}, "/usr/bin").stdout).toBe("/usr/bin\n");
    expect(inWrapped("pwd", {}, "/mnt")).toMatchObject({
      stdout: `${user.home}\n`,
      stderr: "",
      exitCode: 0,
    });
  });

  it("called in another container it says so in one line", () => {
    for (const path of [join(wrapped.bin, "sh"), onHost.python]) {
      const ran = runAs(user, [join(otherEnvironment(user).bin, "_debug_exec"), path, "-c", ":"]);
      expect(ran.stderr).toMatch(
        /^kapseli: \w+: called from another container, and this environment is isolated[^\n]*\n$/,
      );
      expect(ran).toMatchObject({ stdout: "", exitCode: 1 });
    }
  });

  it("its own programs call each other", () => {
    expect(inWrapped(`"${wrapped.bin}/env" sh -c 'echo $0 inside' && env printf again`).stdout).toBe(
      "sh inside\nagain",
    );
  });

  it("moved, works where it is now", () => {
    const moved = environmentAt(`/var/tmp/kapseli-isolated-${user.name}/moved`);
    lines('mv "$FROM" "$TO"', { FROM: wrapped.root, TO: moved.root });
    const ran = runAs(user, [join(moved.bin, "sh"), "-c", "echo $PATH"]);
    lines('mv "$TO" "$FROM"', { FROM: wrapped.root, TO: moved.root });
    expect(ran).toMatchObject({ stdout: `${moved.bin}:${OWN_PATH}\n`, stderr: "" });
  });

  it("over the host base has the host's system, the home directory and its mount points alone", () => {
    const root = sharedEnvironment(user).root;
    const seen = report(user, onHost.python, [], {
      env: { LD_LIBRARY_PATH: "/host", PATH: "/host:/usr/bin" },
    });
    expect(seen.prefix).toBe(root);
    expect(seen.environment).toMatchObject({
      PATH: `${root}/bin:${root}/libexec/kapseli-activate:${OWN_PATH}`,
      HOME: user.home,
      _CW_IS_ISOLATED: "yes",
    });
    expect(seen.environment.LD_LIBRARY_PATH).toMatch(/^\/own\/lib(:\/\.singularity\.d\/libs)?$/);
    const list = runAs(user, [join(onHost.bin, "_debug_exec"), "ls", "/"], {}).stdout.split("\n");
    expect(list).toEqual(expect.arrayContaining(["usr", "etc", "tmp", "srv"]));
    expect(list.filter((name) => ["mnt", "media", "boot", "work"].includes(name))).toEqual([]);
    const made = "import tempfile; print(tempfile.NamedTemporaryFile().name)";
    expect(runAs(user, [onHost.python, "-c", made]).stdout).toMatch(/^\/tmp\//);
  });

  it("has venvs on top, whose programs come first in PATH inside", () => {
    const venv = join(user.home, `kapseli-isolated-venv-${process.pid}`);
    lines('"$PYTHON" -m venv --without-pip "$VENV"', { PYTHON: onHost.python, VENV: venv });
    const seen = report(user, join(venv, "bin/python"));
    remove(venv);
    expect(seen.prefix).toBe(venv);
    expect(seen.environment.PATH?.split(":")[0]).toBe(join(venv, "bin"));
  });
});
