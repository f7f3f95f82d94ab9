import {
  chownSync,
  cpSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  copyOf,
  everyWay,
  type LauncherEnvironment,
  otherEnvironment,
  prepareEnvironments,
  sharedEnvironment,
  viewEnvironment,
} from "../support/launcher-environment.ts";
import { startAs } from "../support/launcher-report.ts";
import { ordinary, PROJECT, type RunAs, remove, runAs, scratch } from "../support/real.ts";
import {
  type HeldEnvironment,
  hold,
  parseSurroundings,
  SURROUNDINGS,
  stop,
  surroundings,
} from "../support/warm.ts";

const user = ordinary();
const environment = sharedEnvironment(user);
const { python, bin } = environment;
const TERMINAL = join(PROJECT, "test", "support", "terminal.py");
const CALL: [string, ...string[]] = [python, "-c", SURROUNDINGS];

let held: HeldEnvironment;
let directory = "";
beforeAll(async () => {
  prepareEnvironments(user);
  directory = scratch(user);
  held = await hold(user, environment);
});
afterAll(async () => {
  await stop(held);
  remove(directory);
});

const own = (path: string): void => {
  if (userInfo().uid === 0) chownSync(path, user.uid, user.gid);
};
/** Whether a start with these settings joins the holder. */
const joins = (options: RunAs = {}, call: [string, ...string[]] = CALL): boolean =>
  surroundings(user, call, held.directory, "", options).mounts === held.mounts;

describe("a program that joins a warm environment", () => {
  /** What is different at the caller, as a shell line around the call, or settings of the call. */
  const CASES: [string, string, RunAs & { args?: string[] }][] = [
    ["nothing in particular", "", {}],
    ["a umask", 'umask 027; exec "$@"', {}],
    ["limits", 'ulimit -S -n 123; ulimit -c 0; ulimit -S -s 4096; exec "$@"', {}],
    ["a priority", 'exec nice -n 5 "$@"', {}],
    ["one processor", 'exec taskset -c 0 "$@"', {}],
    ["signals that are ignored", "trap '' HUP PIPE USR1; exec \"$@\"", {}],
    ["a hangup that is ignored by nohup", 'exec nohup "$@" 2>/dev/null', {}],
    ["a closed standard input", 'exec "$@" <&-', {}],
    ["standard input from a pipe", "", { input: "a\0b\n", args: ["read"] }],
    ["an open file", 'exec "$@" 7>/dev/null', {}],
    [
      "a working directory with odd characters",
      'mkdir -p "$D" && cd "$D" && exec "$@"',
      { env: { D: "/tmp/kapseli é $x:,\"'" } },
    ],
    ["the root directory", "", { cwd: "/" }],
    ["a link to the working directory in PWD", 'ln -sfn . link && cd link && exec "$@"', {}],
    ["a PWD that is wrong", 'PWD=/usr exec "$@"', {}],
    [
      "values that a shell would change",
      "",
      { env: { FOO: "$(id) `id` 'a' \"b\" \\ * é😀\nsecond \n", "a.b": "x", EMPTY: "" } },
    ],
    ["variables that the runtime sets", "", { env: { PS2: "x", USER_PATH: "/x" } }],
    ["library directories", "", { env: { LD_LIBRARY_PATH: "/usr/lib:/x y" } }],
    [
      "library directories for the runtime",
      "",
      { env: { SINGULARITYENV_LD_LIBRARY_PATH: "/opt", LD_LIBRARY_PATH: "/x" } },
    ],
    ["a PATH for the runtime", "", { env: { SINGULARITYENV_PATH: "/opt/bin" } }],
    ["another PATH", "", { env: { PATH: "/usr/bin:/bin:/x y" } }],
    ["no activation", "", { env: { CW_NO_CONDA_ACTIVATE: "1" } }],
    ["variables that activation adds to", "", { env: { ACTIVATED_PREPENDED: "x" } }],
    ["a locale", "", { env: { LC_ALL: "C.UTF-8", LANG: "xx_XX" } }],
    ["a directory for temporary files", "", { env: { TMPDIR: "/var/tmp" } }],
    ["a function of bash", 'f() { :; }; export -f f; exec "$@"', {}],
    [
      "nothing in the environment but PATH and HOME",
      "",
      { bareEnvironment: true, env: { PATH: "/usr/bin:/bin", HOME: user.home } },
    ],
  ];
  it.each(CASES)("with %s: finds itself as in an ordinary start", (_, before, { args = [], ...options }) => {
    const run = (warm: string) => {
      const call: [string, ...string[]] = [...CALL, ...args];
      const line = before.includes("export -f") ? ["bash", "-c", before, "bash", ...call] : undefined;
      if (!line) return surroundings(user, call, warm, before, { cwd: directory, ...options });
      return surroundings(user, line as [string, ...string[]], warm, "", { cwd: directory, ...options });
    };
    const warm = run(held.directory);
    const cold = run("off");
    expect(warm.mounts).toBe(held.mounts);
    expect(cold.mounts).not.toBe(held.mounts);
    expect(warm.seen).toEqual(cold.seen);
  });

  it("a link, and a program of the host in the container, join too", () => {
    const link = join(directory, "link-to-python");
    symlinkSync(python, link);
    for (const call of [
      [link, "-c", SURROUNDINGS],
      [join(bin, "_debug_exec"), "python3", "-c", SURROUNDINGS],
    ]) {
      const [warm, cold] = [held.directory, "off"].map((where) =>
        surroundings(user, call as [string, ...string[]], where, ""),
      );
      expect(warm?.mounts).toBe(held.mounts);
      expect(warm?.seen).toEqual(cold?.seen);
    }
  });

  it("on a terminal: has it, and is in its foreground, as in an ordinary start", () => {
    const onTerminal = (warm: string) => {
      const file = join(directory, `terminal-${warm === "off" ? "cold" : "warm"}`);
      const line = `exec "$0" -c "$1" >${file}; echo`;
      const steps = JSON.stringify([
        ["$ ", '"$PYTHON" -c "$PROGRAM" >$FILE; echo do""ne\r'],
        ["done", "exit\r"],
      ]);
      const ran = runAs(user, ["python3", TERMINAL, "dash", "-i"], {
        input: steps,
        env: { KAPSELI_WARM: warm, PYTHON: python, PROGRAM: SURROUNDINGS, FILE: file, LINE: line, PS1: "$ " },
      });
      expect(ran.exitCode).toBe(0);
      return parseSurroundings({ ...ran, stdout: readFileSync(file, "utf8") });
    };
    // PS1 is exported, which the runtime makes something of: the holder's is another one.
    const cold = onTerminal("off");
    expect(cold.seen.terminal).toMatchObject(["foreground", true, expect.stringMatching("^/dev/pts/")]);
    expect(onTerminal(held.directory).seen.terminal).toMatchObject(["foreground", true, expect.any(String)]);
  });

  it.each([
    ["0", "pass"],
    ["3", "raise SystemExit(3)"],
    ["255", "raise SystemExit(255)"],
    ["1 of an exception", "raise RuntimeError"],
    ["SIGTERM", "import os; os.kill(os.getpid(), 15)"],
    ["SIGKILL", "import os; os.kill(os.getpid(), 9)"],
    ["SIGSEGV", "import os; os.kill(os.getpid(), 11)"],
    ["SIGPIPE", "import os, signal; signal.signal(13, signal.SIG_DFL); os.kill(os.getpid(), 13)"],
  ])("ends with %s as in an ordinary start", (_, code) => {
    const [warm, cold] = [held.directory, "off"].map((where) => {
      const { exitCode, signal, stdout, stderr } = runAs(user, [python, "-c", code], {
        env: { KAPSELI_WARM: where },
      });
      return { exitCode, signal, stdout, stderr };
    });
    expect(warm).toEqual(cold);
  });

  it("goes on ignoring the signals that its caller ignores, as every program but the runtime's does", () => {
    const line = `trap '' HUP USR1; exec "$0" -c "import signal; print([signal.getsignal(n).name for n in (1, 10, 15)])"`;
    const ran = runAs(user, ["sh", "-c", line, python], { env: { KAPSELI_WARM: held.directory } });
    expect(ran.stdout).toBe("['SIG_IGN', 'SIG_IGN', 'SIG_DFL']\n");
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGQUIT"] as const)(
    "gets %s that is sent to the launcher's pid",
    async (signal) => {
      const code = `import os, signal
signal.signal(signal.${signal}, lambda *_: (os.write(1, b"got it\\n"), os._exit(7)))
print("ready", flush=True)
while True: signal.pause()`;
      const running = startAs(user, [python, "-c", code], { env: { KAPSELI_WARM: held.directory } });
      await running.said("ready");
      running.child.kill(signal);
      expect(await running.ended).toMatchObject({ exitCode: 7, stdout: "ready\ngot it\n", stderr: "" });
    },
  );

  it("gains no rights: a setuid program of the host stays the user's", () => {
    const code =
      "import subprocess; print(subprocess.run(['/usr/bin/passwd', '--status', 'root'], capture_output=True).returncode)";
    const [warm, cold] = [held.directory, "off"].map(
      (where) => runAs(user, [python, "-c", code], { env: { KAPSELI_WARM: where } }).stdout,
    );
    expect(warm).toBe(cold);
    const mount =
      "import ctypes, os; print(ctypes.CDLL(None, use_errno=True).mount(b'none', b'/mnt', b'tmpfs', 0, None), ctypes.get_errno())";
    expect(runAs(user, [python, "-c", mount], { env: { KAPSELI_WARM: held.directory } }).stdout).toBe(
      "-1 1\n",
    );
  });

  it("a command that is not there, a working directory inside the environment and bytes that are not UTF-8 end as usual", () => {
    for (const [call, options] of [
      [[join(bin, "_debug_exec"), "no-such-command"], {}],
      [[join(bin, "_debug_exec"), "/no/such/command"], {}],
      [[python, "-c", "print(1)"], { cwd: join(environment.root, "generations") }],
      [["sh", "-c", "exec \"$0\" -c 'print(1)' \"$(printf '\\351')\"", python], {}],
      [["sh", "-c", 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$0" -c "print(1)"', python], {}],
      [["sh", "-c", 'cd /proc/self && exec "$0" -c "import os; print(os.getcwd())"', python], {}],
    ] as [[string, ...string[]], RunAs][]) {
      const [warm, cold] = [held.directory, "off"].map((where) => {
        const { exitCode, signal, stdout, stderr } = runAs(user, call, {
          ...options,
          env: { KAPSELI_WARM: where },
        });
        const plain = (text: string) => text.replace(/\d{3,}|tmp\.\w+/g, "N");
        return { exitCode, signal, stdout: plain(stdout), stderr: plain(stderr) };
      });
      expect(warm).toEqual(cold);
    }
  });
});

describe("an ordinary start, with what it says itself, is made", () => {
  it.each<[string, RunAs]>([
    ["with other binds in CW_EXTRA_BIND_MOUNTS", { env: { CW_EXTRA_BIND_MOUNTS: "/usr:/mnt" } }],
    ["with SINGULARITY_BIND", { env: { SINGULARITY_BIND: "/usr:/mnt" } }],
    ["with SINGULARITY_BINDPATH", { env: { SINGULARITY_BINDPATH: "/usr:/mnt" } }],
    ["with APPTAINER_BIND", { env: { APPTAINER_BIND: "/usr:/mnt" } }],
    ["with a setting of the runtime", { env: { APPTAINER_CACHEDIR: "/var/tmp" } }],
    ["with a variable of the kind SINGULARITYENV_X", { env: { SINGULARITYENV_FOO: "x" } }],
    ["with a variable of the kind APPTAINERENV_X", { env: { APPTAINERENV_FOO: "x" } }],
    ["with a command for the prompt", { env: { PROMPT_COMMAND: "x" } }],
    ["with another home directory", { env: { HOME: "/tmp" } }],
    ["with a home directory that the runtime cannot be told", { env: { HOME: "/tmp/co:lon" } }],
    ["without HOME", { env: { HOME: undefined } }],
    ["in another job", { env: { SLURM_JOB_ID: "4711" } }],
  ])("%s", (_, options) => {
    const [warm, cold] = [held.directory, "off"].map((where) => surroundings(user, CALL, where, "", options));
    expect(warm?.mounts).not.toBe(held.mounts);
    expect(warm?.seen).toEqual(cold?.seen);
  });

  /** A copy of the holder's record that was changed: what programs are told of. */
  function copied(name: string, change: (holder: string) => void): string {
    const copy = join(directory, name);
    cpSync(held.directory, copy, { recursive: true, preserveTimestamps: true });
    runAs({ ...user, uid: userInfo().uid, gid: userInfo().gid }, [
      "chown",
      "-R",
      `${user.uid}:${user.gid}`,
      copy,
    ]);
    change(join(copy, held.holder.split("/").at(-1) ?? ""));
    return copy;
  }
  const edit = (holder: string, from: RegExp, to: string): void => {
    const text = readFileSync(join(holder, "record"), "utf8");
    expect(text).toMatch(from);
    writeFileSync(join(holder, "record"), text.replace(from, to));
  };
  it("but a record that is only copied is joined", () => {
    const copy = copied("copied", () => undefined);
    expect(surroundings(user, CALL, copy, "").mounts).toBe(held.mounts);
  });
  it.each<[string, (holder: string) => void]>([
    ["of a process that is gone", (holder) => edit(holder, /pid='\d+'/, "pid='4194303'")],
    ["of another process with this pid", (holder) => edit(holder, /start='(\d+)'/, "start='1$1'")],
    [
      "of another boot or host",
      (holder) => edit(holder, /boot='.*'/, "boot='00000000-0000-0000-0000-000000000000'"),
    ],
    ["with an nsenter that is gone", (holder) => edit(holder, /nsenter='.*'/, "nsenter='/no/nsenter'")],
    ["that says nothing", (holder) => writeFileSync(join(holder, "record"), "")],
    ["without a directory for starts", (holder) => remove(join(holder, `starts.${held.pid}`))],
    [
      "that is a link",
      (holder) => {
        cpSync(join(holder, "record"), join(holder, "real"));
        own(join(holder, "real"));
        remove(join(holder, "record"));
        symlinkSync("real", join(holder, "record"));
      },
    ],
    [
      "in a directory that is a link",
      (holder) => {
        cpSync(holder, `${holder}-real`, { recursive: true });
        runAs({ ...user, uid: userInfo().uid, gid: userInfo().gid }, [
          "chown",
          "-R",
          `${user.uid}:${user.gid}`,
          `${holder}-real`,
        ]);
        remove(holder);
        symlinkSync(`${holder}-real`, holder);
      },
    ],
  ])("with a record %s", (name, change) => {
    const copy = copied(name.replaceAll(" ", "-"), change);
    const warm = surroundings(user, CALL, copy, "");
    expect(warm.mounts).not.toBe(held.mounts);
    expect(warm.seen).toEqual(surroundings(user, CALL, "off", "").seen);
  });
  it.each(["dash", "bash", "ksh", "mksh", "busybox"])(
    "with a record that was cut anywhere, in %s",
    (shell) => {
      const copy = copied(`cut-${shell}`, () => undefined);
      const record = join(copy, held.holder.split("/").at(-1) ?? "", "record");
      const { length } = readFileSync(record);
      const call: [string, ...string[]] = shell === "busybox" ? ["busybox", "sh", ...CALL] : [shell, ...CALL];
      expect(surroundings(user, call, copy, "").mounts).toBe(held.mounts);
      for (const at of [length - 2, length - 5, Math.floor(length * 0.8), Math.floor(length / 2), 30, 1]) {
        truncateSync(record, at);
        expect(surroundings(user, call, copy, "").mounts).not.toBe(held.mounts);
      }
    },
  );
  it.runIf(userInfo().uid === 0)("when the directory, the holder's or the record is another user's", () => {
    const name = held.holder.split("/").at(-1) ?? "";
    for (const [index, path] of [".", name, join(name, "record")].entries()) {
      const copy = copied(`foreign-${index}`, () => undefined);
      expect(surroundings(user, CALL, copy, "").mounts).toBe(held.mounts);
      chownSync(join(copy, path), 0, 0);
      runAs({ ...user, uid: 0, gid: 0 }, ["chmod", "-R", "a+rX", copy]);
      expect(surroundings(user, CALL, copy, "").mounts).not.toBe(held.mounts);
    }
  });
  it.runIf(userInfo().uid === 0)("for another user", () => {
    const root = { name: "root", uid: 0, gid: 0, home: "/root" };
    const seen = runAs(root, [join(bin, "_debug_exec"), "sh", "-c", "readlink /proc/self/ns/mnt"], {
      env: { KAPSELI_WARM: held.directory },
    });
    expect(seen.stdout).not.toContain(held.mounts);
  });
  it("for another environment, and with KAPSELI_WARM=off or a directory that is gone", () => {
    const other = otherEnvironment(user).python;
    expect(joins({}, [other, "-c", SURROUNDINGS])).toBe(false);
    mkdirSync(join(directory, "empty"));
    own(join(directory, "empty"));
    for (const where of ["off", "/no/such", join(directory, "empty"), "relative", "\n"]) {
      expect(surroundings(user, CALL, where, "").mounts).not.toBe(held.mounts);
    }
    expect(joins()).toBe(true);
  });
});

describe("other kinds of environments", () => {
  const compare = async (at: LauncherEnvironment, call: [string, ...string[]], options: RunAs = {}) => {
    const other = await hold(user, at);
    try {
      for (const env of [
        {},
        { FOO: "x", LD_LIBRARY_PATH: "/x", LANG: "C.UTF-8" },
        { LANG: undefined, PIP_INDEX_URL: undefined },
      ]) {
        const run = (warm: string) =>
          surroundings(user, call, warm, "", { ...options, env: { ...options.env, ...env } });
        const warm = run(other.directory);
        expect(warm.mounts).toBe(other.mounts);
        expect(warm.seen).toEqual(run("off").seen);
      }
    } finally {
      await stop(other);
    }
  };
  it("one that is mounted elsewhere (the view layout) is joined", async () => {
    const view = viewEnvironment(user);
    await compare(view, [view.python, "-c", SURROUNDINGS]);
  });
  it("one that is mounted by --fusemount is not: its containers have processes of their own", () => {
    const [, { environment: fuse } = { environment }] = everyWay(user);
    const ran = runAs(user, ["kapseli", "warm", fuse.root, "--", fuse.python, "-c", "print(1)"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "1\n" });
    expect(ran.stderr).toContain("processes of their own");
  });
  it("a moved one is joined by its own starts alone", async () => {
    const moved = copyOf(user, environment, join(directory, "moved"));
    expect(surroundings(user, [moved.python, "-c", SURROUNDINGS], held.directory, "").mounts).not.toBe(
      held.mounts,
    );
    await compare(moved, [moved.python, "-c", SURROUNDINGS]);
  });
});
