import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { build, prepareEnvironments, sharedEnvironment } from "../support/launcher-environment.ts";
import { startAs } from "../support/launcher-report.ts";
import { installedBin, ordinary, remove, runAs, scratch } from "../support/real.ts";
import {
  type HeldEnvironment,
  hold,
  holdersIn,
  isAlive,
  processesOf,
  recorded,
  SURROUNDINGS,
  stop,
  surroundings,
  until,
} from "../support/warm.ts";

const user = ordinary();
const environment = sharedEnvironment(user);
const { python } = environment;
const CALL: [string, ...string[]] = [python, "-c", SURROUNDINGS];
const ACTIVATION = join(installedBin(), "..", "kapseli", "etc", "profile.d", "tykky.sh");

let directory = "";
beforeAll(() => prepareEnvironments(user));
beforeEach(() => {
  directory = scratch(user);
});
afterEach(() => remove(directory));

function place(name: string, mode = 0o700): string {
  const path = join(directory, name);
  mkdirSync(path, { mode });
  chmodSync(path, mode);
  if (userInfo().uid === 0) chownSync(path, user.uid, user.gid);
  return path;
}

function executable(path: string, lines: string): void {
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o755);
}

const joined = (held: HeldEnvironment, call = CALL): boolean =>
  surroundings(user, call, held.directory, "").mounts === held.mounts;

describe("a holder ends, with all that belongs to it,", () => {
  const mark = () => `KAPSELI_TEST_MARK=${directory}`;
  it("when its command has ended; the exit code is the command's", async () => {
    const env = { KAPSELI_TEST_MARK: directory, TMPDIR: directory };
    const ran = runAs(user, ["kapseli", "warm", environment.root, "--", "sh", "-c", "exit 7"], { env });
    expect(ran).toMatchObject({ exitCode: 7, stderr: "" });
    await until("no process is left", () => processesOf(mark()).length === 0);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("when its owner is killed with -9", async () => {
    const held = await hold(user, environment, { env: { KAPSELI_TEST_MARK: directory } });
    expect(joined(held)).toBe(true);
    held.owner.child.kill("SIGKILL");
    await until("the holder has ended", () => !isAlive(held.pid));
    await until("its directory is gone", () => !existsSync(held.directory));
    held.owner.child.stdin?.end();
    await until("no process is left", () => processesOf(mark()).length === 0);
  });

  it("when it is told to (the end of a job)", async () => {
    const held = await hold(user, environment);
    process.kill(held.pid, "SIGTERM");
    await until("the holder has ended", () => !isAlive(held.pid) && !existsSync(held.directory));
    // Which namespace the next start gets says nothing: the kernel gives the number of the one that is gone again.
    expect(runAs(user, [python, "-c", "print(1)"], { env: { KAPSELI_WARM: held.directory } })).toMatchObject({
      exitCode: 0,
      stdout: "1\n",
      stderr: "",
    });
    held.owner.child.stdin?.end();
    expect(await held.owner.ended).toMatchObject({ exitCode: 0 });
  });
});

describe("what was started warm", () => {
  // Modules that Python has not loaded yet: they are read from the image.
  const late =
    "import time, sys, os\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.05)\nimport email.mime.text, sqlite3, pip\nopen(sys.argv[2], 'w').write('read')";
  it("and put itself into the background keeps its files for as long as it lives", async () => {
    const held = await hold(user, environment);
    const [go, done] = [join(directory, "go"), join(directory, "done")];
    const line = 'nohup setsid "$0" -c "$1" "$2" "$3" >/dev/null 2>&1 &';
    const env = { KAPSELI_WARM: held.directory, KAPSELI_TEST_MARK: directory };
    runAs(user, ["sh", "-c", line, python, late, go, done], { env });
    await until("it runs", () =>
      processesOf(`KAPSELI_TEST_MARK=${directory}`).some((pid) => pid !== String(held.pid)),
    );
    held.owner.child.stdin?.end();
    await held.owner.ended;
    await until("no further start can join", () => !existsSync(join(held.holder, "record")));
    // Several rounds of the holder, which looks for users every second.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(isAlive(held.pid)).toBe(true);
    writeFileSync(go, "");
    await until("it has read its modules", () => existsSync(done));
    await until("the holder has ended", () => !isAlive(held.pid) && !existsSync(held.directory));
  });

  it("in great number at once all succeeds, and leaves nothing", async () => {
    const held = await hold(user, environment);
    const line =
      'for i in 1 2 3 4 5 6 7 8; do for j in 1 2 3 4 5 6 7 8; do "$0" -c "print(1)" & done; done; wait';
    const ran = runAs(user, ["sh", "-c", line, python], { env: { KAPSELI_WARM: held.directory } });
    expect(ran).toMatchObject({ exitCode: 0, stdout: "1\n".repeat(64), stderr: "" });
    await until(
      "the marks of the starts are gone",
      () => readdirSync(join(held.holder, `starts.${held.pid}`)).length === 0,
    );
    await stop(held);
  });
});

describe("who starts it", () => {
  it("of many who come at once for a node one does, all programs of the user join it, and it ends with its owner", async () => {
    const runtime = place("runtime");
    const env = { XDG_RUNTIME_DIR: runtime, KAPSELI_TEST_MARK: directory };
    const line = `for i in 1 2 3 4 5 6; do kapseli warm --node "$0" & pids="$pids $!"; done
for pid in $pids; do wait $pid || echo failed; done; echo ready; cat`;
    const owner = startAs(user, ["sh", "-c", line, environment.root], { env });
    await owner.said("ready\n");
    expect(owner.output()).not.toContain("failed");
    const at = join(runtime, "kapseli-warm", "login.batch");
    const [holder = "", ...others] = holdersIn(at);
    expect(others).toEqual([]);
    const pid = Number(recorded(holder, "pid"));
    const holders = processesOf(`KAPSELI_TEST_MARK=${directory}`).filter((one) =>
      readFileSync(`/proc/${one}/cmdline`, "latin1").includes("kapseli-warm\0"),
    );
    expect(holders).toEqual([String(pid)]);
    const seen = runAs(user, CALL, { env: { XDG_RUNTIME_DIR: runtime } });
    expect(seen.stdout).toContain(runAs(user, ["readlink", `/proc/${pid}/ns/mnt`]).stdout.trim());
    owner.child.stdin?.end();
    await owner.ended;
    await until("the holder has ended", () => !isAlive(pid) && !existsSync(at));
  });

  it("in a job it is that job's, and a job step's where it was started in one", async () => {
    const runtime = place("runtime");
    const job = { XDG_RUNTIME_DIR: runtime, SLURM_JOB_ID: "4711" };
    const line = 'kapseli warm --node "$0" && echo ready; cat';
    const start = async (env: Record<string, string>) => {
      const owner = startAs(user, ["sh", "-c", line, environment.root], { env });
      await owner.said("ready\n");
      return owner;
    };
    const isWarm = (env: Record<string, string>, of: string) =>
      surroundings(user, CALL, "", "", { env }).mounts === of;
    const mounts = (name: string) => {
      const [holder = ""] = holdersIn(join(runtime, "kapseli-warm", name));
      return runAs(user, ["readlink", `/proc/${recorded(holder, "pid")}/ns/mnt`]).stdout.trim();
    };
    const step = await start({ ...job, SLURM_STEP_ID: "0" });
    const inStep = mounts("4711.0");
    expect(isWarm({ ...job, SLURM_STEP_ID: "0" }, inStep)).toBe(true);
    expect(isWarm({ ...job, SLURM_STEP_ID: "1" }, inStep)).toBe(false);
    expect(isWarm(job, inStep)).toBe(false);
    const batch = await start(job);
    const inJob = mounts("4711.batch");
    expect(isWarm({ ...job, SLURM_STEP_ID: "1" }, inJob)).toBe(true);
    expect(isWarm({ XDG_RUNTIME_DIR: runtime }, inJob)).toBe(false);
    for (const owner of [step, batch]) {
      owner.child.stdin?.end();
      await owner.ended;
    }
    await until("nothing is left", () => !existsSync(join(runtime, "kapseli-warm")));
  });

  it("without a runtime directory a job's is below the home directory; without a job there is none", async () => {
    const home = place("home");
    const env = { HOME: home, SLURM_JOB_ID: "4711" };
    const owner = startAs(
      user,
      ["sh", "-c", 'kapseli warm --node "$0" && echo ready; cat', environment.root],
      { env },
    );
    await owner.said("ready\n");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    const at = join(home, ".local/state/kapseli/warm", boot, "4711.batch");
    const [holder = ""] = holdersIn(at);
    const mounts = runAs(user, ["readlink", `/proc/${recorded(holder, "pid")}/ns/mnt`]).stdout.trim();
    expect(
      surroundings(user, CALL, "", "", { env: { ...env, XDG_RUNTIME_DIR: "/run/user/none" } }).mounts,
    ).toBe(mounts);
    owner.child.stdin?.end();
    await owner.ended;
    await until("nothing is left", () => !existsSync(join(home, ".local/state/kapseli/warm")));
    const refused = runAs(user, ["kapseli", "warm", "--node", environment.root], { env: { HOME: home } });
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain("XDG_RUNTIME_DIR");
  });

  it.runIf(userInfo().uid === 0)("a directory that another user prepared is refused", () => {
    const runtime = place("runtime", 0o755);
    mkdirSync(join(runtime, "kapseli-warm"), { mode: 0o755 });
    const refused = runAs(user, ["kapseli", "warm", "--node", environment.root], {
      env: { XDG_RUNTIME_DIR: runtime },
    });
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain("not a directory that only you can enter");
  });

  it.runIf(userInfo().uid === 0)("root has none, and is told so; the command runs", () => {
    const root = { name: "root", uid: 0, gid: 0, home: "/root" };
    const ran = runAs(root, ["kapseli", "warm", environment.root, "--", "echo", "ran"], {
      env: { TMPDIR: directory },
    });
    expect(ran).toMatchObject({ exitCode: 0, stdout: "ran\n" });
    expect(ran.stderr).toContain("not held warm");
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("joining", () => {
  it("by an nsenter without --wdns: the working directory and all else are as in an ordinary start", async () => {
    const tools = place("tools");
    executable(
      join(tools, "nsenter"),
      'for word; do case $word in --wdns*) echo "nsenter: unrecognized option" >&2; exit 1 ;; --) break ;; esac; done; exec /usr/bin/nsenter "$@"',
    );
    const held = await hold(user, environment, { env: { PATH: `${tools}:${installedBin()}:/usr/bin:/bin` } });
    expect(recorded(held.holder, "nsenter")).toBe(join(tools, "nsenter"));
    const odd = join(directory, "é $x:,\"' -n");
    mkdirSync(odd);
    for (const options of [{ cwd: odd }, { cwd: "/" }, { cwd: directory, env: { OLDPWD: "/usr" } }]) {
      const warm = surroundings(user, CALL, held.directory, "", options);
      expect(warm.mounts).toBe(held.mounts);
      expect(warm.seen).toEqual(surroundings(user, CALL, "off", "", options).seen);
    }
    await stop(held);
  });

  it("where it is refused is not tried by programs: they start as usual", () => {
    const tools = place("tools");
    executable(join(tools, "nsenter"), "echo refused >&2; exit 1");
    const env = { PATH: `${tools}:${installedBin()}:/usr/bin:/bin`, TMPDIR: directory };
    const ran = runAs(user, ["kapseli", "warm", environment.root, "--", python, "-c", "print(1)"], { env });
    expect(ran).toMatchObject({ exitCode: 0, stdout: "1\n" });
    expect(ran.stderr).toContain("cannot be joined by nsenter");
    expect(readdirSync(directory)).toEqual(["tools"]);
  });

  /** The execve and process-making calls of a start and all that it starts. */
  function calls(shell: readonly string[], env: Record<string, string>): string[] {
    const trace = join(directory, "trace");
    const traced = runAs(
      user,
      [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=execve,clone,clone3,fork,vfork",
        "-o",
        trace,
        ...shell,
        python,
        "-c",
        "pass",
      ],
      { env },
    );
    expect(traced.exitCode).toBe(0);
    return readFileSync(trace, "utf8")
      .split("\n")
      .map((line) => line.replace(/^\d+ +/, "").replace(/^(\w+)\("([^"]*)".*/, "$1 $2"))
      .filter((line) => /^\w+/.test(line) && !/^(\+\+\+|---)/.test(line));
  }
  const SHELLS: string[][] = [["dash"], ["bash"], ["ksh"], ["mksh"], ["busybox", "sh"]];
  it.each(SHELLS)("in %s %s: is the program itself, with one fork at most", async (...shell) => {
    const held = await hold(user, environment);
    const words = shell.filter((word) => typeof word === "string");
    const chain = calls(words, { KAPSELI_WARM: held.directory });
    const executed = chain
      .filter((line) => line.startsWith("execve"))
      .map((line) => line.slice("execve ".length));
    expect(executed.slice(1)).toEqual([recorded(held.holder, "nsenter"), python]);
    expect(chain.length - executed.length).toBeLessThanOrEqual(1);
    await stop(held);
  });
  it.each(SHELLS)("in %s %s: without a holder that fits nothing is started to find out", (...shell) => {
    const words = shell.filter((word) => typeof word === "string");
    const runtime = place("runtime");
    mkdirSync(join(runtime, "kapseli-warm"));
    const env = { KAPSELI_WARM: directory, XDG_RUNTIME_DIR: runtime, SLURM_JOB_ID: "1" };
    const chain = calls(words, env);
    expect(chain.findIndex((line) => line.endsWith("/apptainer"))).toBe(1);
  });
});

describe("a new generation", () => {
  it("is what starts take from the moment it is there, and its own holder can be started beside", async () => {
    const own = build(user, join(directory, "env"), []);
    const call: [string, ...string[]] = [own.python, "-c", SURROUNDINGS];
    const held = await hold(user, own);
    expect(joined(held, call)).toBe(true);
    const script = join(directory, "more.sh");
    writeFileSync(script, 'echo new >"$env_root/new"\n');
    const updated = runAs(user, ["conda-containerize", "update", "--post-install", script, own.root]);
    expect(updated.exitCode).toBe(0);
    const seen = (warm: string) =>
      runAs(user, [own.python, "-c", "import sys; print(open(sys.prefix + '/new').read())"], {
        env: { KAPSELI_WARM: warm },
      });
    expect(seen(held.directory)).toMatchObject({ exitCode: 0, stdout: "new\n\n" });
    expect(joined(held, call)).toBe(false);
    const again = runAs(
      user,
      [
        "kapseli",
        "warm",
        own.root,
        "--",
        own.python,
        "-c",
        "import sys; print(open(sys.prefix + '/new').read())",
      ],
      {
        env: { KAPSELI_WARM: held.directory },
      },
    );
    expect(again).toMatchObject({ exitCode: 0, stdout: "new\n\n", stderr: "" });
    expect(runAs(user, ["kapseli", "rollback", own.root]).exitCode).toBe(0);
    expect(joined(held, call)).toBe(true);
    await stop(held);
  });
});

describe("an activated shell", () => {
  const SCRIPT = `. "$ACTIVATION"; kapseli activate "$ENV"; echo "$KAPSELI_WARM"
until [ -n "$(find "$KAPSELI_WARM" -mindepth 2 -maxdepth 2 -name record)" ]; do sleep 0.1; done; echo ready; read -r line
$BEFORE_END; echo over; cat`;
  const activated = (shell: string, before: string) =>
    startAs(user, [shell, "-c", SCRIPT.replace("$BEFORE_END", () => before)], {
      env: {
        ACTIVATION,
        ENV: environment.root,
        KAPSELI_ROOT: join(ACTIVATION, "..", "..", ".."),
        TMPDIR: directory,
      },
    });
  it.each(["bash", "dash", "zsh", "ksh", "mksh"])(
    "%s has its commands warm, and no process after deactivate",
    async (shell) => {
      const running = activated(shell, "kapseli deactivate");
      await running.said("ready\n");
      const at = running.output().split("\n")[0] ?? "";
      const pid = Number(recorded(holdersIn(at)[0] ?? "", "pid"));
      const mounts = runAs(user, ["readlink", `/proc/${pid}/ns/mnt`]).stdout.trim();
      const env = { TMPDIR: directory };
      expect(surroundings(user, CALL, at, "", { env }).mounts).toBe(mounts);
      running.child.stdin?.write("\n");
      await running.said("over\n");
      await until("the holder has ended", () => !isAlive(pid) && !existsSync(at));
      running.child.stdin?.end();
      expect(await running.ended).toMatchObject({ exitCode: 0, stderr: "" });
    },
  );
  it.each(["exit", "kill -9 $$"])("ends its holder with %s", async (end) => {
    const running = activated("bash", end);
    await running.said("ready\n");
    const at = running.output().split("\n")[0] ?? "";
    const pid = Number(recorded(holdersIn(at)[0] ?? "", "pid"));
    running.child.stdin?.write("\n");
    await running.ended;
    await until("the holder has ended", () => !isAlive(pid) && !existsSync(at));
  });
  it("that ends before anything is held leaves nothing", async () => {
    const line = '. "$ACTIVATION"; tykky activate "$ENV"; tykky activate "$ENV"';
    const env = { ACTIVATION, ENV: environment.root, TMPDIR: directory };
    expect(runAs(user, ["bash", "-c", line], { env })).toMatchObject({ exitCode: 0, stderr: "" });
    await until("the directories are gone", () => readdirSync(directory).length === 0);
  });
});
