import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isThere } from "../support/activation.ts";
import {
  copyOf,
  prepareEnvironments,
  rewriteLauncher,
  sharedEnvironment,
} from "../support/launcher-environment.ts";
import { type Running, startAs } from "../support/launcher-report.ts";
import { ordinary, PROJECT, type Ran, type RunAs, remove, runAs, scratch } from "../support/real.ts";
import { holdersIn, parseSurroundings, processesOf, recorded, SURROUNDINGS, until } from "../support/warm.ts";

/** A real Slurm of one node; scripts/host-setup.sh slurm installs it, root starts it here, beside any other. */
const possible =
  userInfo().uid === 0 &&
  ["srun", "slurmctld", "slurmd", "munged"].every((name) => isThere(`/usr/sbin/${name}`) || isThere(name));

/** A field of /proc/PID/status; empty when there is none. */
function field(pid: string, name: string): string {
  if (!/^\d+$/.test(pid)) return "";
  try {
    return new RegExp(`^${name}:\t(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  } catch {
    return "";
  }
}

describe.runIf(possible)("in a Slurm job", () => {
  const user = ordinary();
  const environment = sharedEnvironment(user);
  const { root, bin, python } = environment;
  const SCRIPT = join(PROJECT, "test", "support", "slurm.sh");
  let slurm = "";
  let directory = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
    slurm = mkdtempSync("/var/tmp/kapseli-slurm-");
    const started = spawnSync("sh", [SCRIPT, "start", slurm], {
      encoding: "utf8",
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (started.status !== 0) throw new Error(started.stderr);
  });
  afterAll(() => {
    spawnSync("sh", [SCRIPT, "stop", slurm], { stdio: "ignore" });
    remove(slurm);
    remove(directory);
  });

  /** Runs a batch script to its end. @returns what it printed */
  async function batch(lines: string): Promise<string> {
    const [file, out, over] = ["job.sh", "job.out", "job.over"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    // sbatch -W looks for the end only every ten seconds.
    writeFileSync(file, `#!/bin/sh\n${lines}\n>"$OVER"\n`);
    remove(over);
    const ran = runAs(user, ["sbatch", "-n", "2", "-o", out, file], {
      cwd: directory,
      env: { ...settings(), OVER: over },
    });
    if (ran.exitCode !== 0) throw new Error(ran.stderr);
    await until("the job is over", () => existsSync(over));
    return readFileSync(out, "utf8");
  }
  const NAMESPACE = "readlink /proc/self/ns/mnt";
  const nothingLeft = () =>
    until("nothing is left", () => !existsSync(join(directory, ".local/state/kapseli/warm")));

  it("`kapseli warm --node` in the batch script serves every task of every step, and goes with the job", async () => {
    const said = await batch(`kapseli warm --node "$ENV" >&2
srun -n 16 --overcommit "$EXEC" ${NAMESPACE} | sort -u
srun -n 16 --overcommit "$EXEC" ${NAMESPACE} | sort -u
KAPSELI_WARM=off srun -n 2 "$EXEC" ${NAMESPACE}`);
    const [first, second, ...cold] = said.split("\n").filter((line) => line.startsWith("mnt:"));
    expect(second).toBe(first);
    expect(cold).toHaveLength(2);
    expect(cold).not.toContain(first);
    await nothingLeft();
  });

  it("the end of a step with a holder of its own takes nothing from another step", async () => {
    const inStep = `kapseli warm --node "$ENV" >&2; "$EXEC" ${NAMESPACE}; sleep "$0"; "$EXEC" ${NAMESPACE}`;
    const said = await batch(`srun -n 1 --overlap sh -c '${inStep}' 0 >first &
srun -n 1 --overlap sh -c '${inStep}' 6 >second &
wait; sort -u first; sort -u second`);
    const spaces = said.split("\n").filter((line) => line.startsWith("mnt:"));
    expect(spaces, said).toHaveLength(2);
    expect(new Set(spaces).size).toBe(2);
    await nothingLeft();
  });

  const COUNT = 32;
  /** An allocation for steps, which waits for nothing. */
  let job = "";
  beforeAll(() => {
    const allocated = runAs(user, ["salloc", "-n", "2", "--no-shell"], {
      env: { SLURM_CONF: join(slurm, "slurm.conf") },
    });
    job = /Granted job allocation (\d+)/.exec(allocated.stderr)?.[1] ?? "";
    if (job === "") throw new Error(allocated.stderr);
  });
  const settings = () => ({
    SLURM_CONF: join(slurm, "slurm.conf"),
    HOME: directory,
    ENV: root,
    PYTHON: python,
    EXEC: join(bin, "_debug_exec"),
    // A mark by which all processes of a step are known.
    KAPSELI_TEST_MARK: directory,
  });
  const words = (count: number, call: readonly string[]): [string, ...string[]] => [
    "srun",
    "-Q",
    `--jobid=${job}`,
    "--overlap",
    "-N1",
    `-n${count}`,
    "--overcommit",
    ...call,
  ];
  /** Runs tasks of one step. */
  const srun = (count: number, call: readonly string[], options: RunAs = {}) =>
    runAs(user, words(count, call), {
      cwd: directory,
      timeoutMs: 120_000,
      ...options,
      env: { ...settings(), ...options.env },
    });
  const lines = (ran: Ran) => {
    expect(ran.stderr).toBe("");
    expect(ran.exitCode).toBe(0);
    return ran.stdout.trim().split("\n").sort();
  };
  const marks = () => processesOf(`KAPSELI_TEST_MARK=${directory}`);
  /** Sends a signal to the step that runs. */
  const cancel = (signal: string) => {
    const env = settings();
    const steps = runAs(user, ["squeue", "-s", "-h", "-j", job, "-o", "%i"], { env }).stdout;
    const step = steps.split("\n").find((one) => /\.\d+$/.test(one)) ?? "no step";
    expect(runAs(user, ["scancel", "-s", signal, step], { env })).toMatchObject({ exitCode: 0 });
  };
  /** Where the user's holders of job steps are. */
  const places = () => readdirSync("/dev/shm").filter((name) => name.startsWith("kapseli-warm."));
  const stepIsOver = () =>
    until("the step has left no process", () => marks().length === 0).then(() =>
      until("and no record", () => places().length === 0),
    );

  /** In how many containers the tasks of a step are, at a time when all of them are: numbers of namespaces come again. */
  function containers(count: number, exec: string, options: RunAs = {}): number {
    const there = scratch(user);
    const line =
      'readlink /proc/self/ns/mnt; : >"$0/$SLURM_PROCID"; until [ "$(ls "$0" | wc -l)" -ge "$1" ]; do sleep 0.1; done';
    const seen = lines(srun(count, [exec, "sh", "-c", line, there, String(count)], options));
    remove(there);
    return new Set(seen).size;
  }

  it("32 tasks of a step share one container by themselves, with one image mounted; it goes with the step", async () => {
    const count = `import os, sys
sys.stdout.write(os.readlink("/proc/self/ns/mnt") + "\\n")`;
    expect(new Set(lines(srun(COUNT, [python, "-c", count]))).size).toBe(1);
    // Whatever runs the launchers.
    for (const shell of [["dash"], ["bash"], ["busybox", "sh"], ["ksh"], ["mksh"]]) {
      expect(new Set(lines(srun(4, [...shell, python, "-c", count]))).size).toBe(1);
    }
    await stepIsOver();
    const go = join(directory, "go");
    const wait = `${NAMESPACE}; until [ -e "$0" ]; do sleep 0.2; done`;
    const running = startAs(user, words(COUNT, [join(bin, "_debug_exec"), "sh", "-c", wait, go]), {
      cwd: directory,
      env: settings(),
    });
    await until("all run", () => running.output().split("\n").length === COUNT + 1);
    const runtimes = marks().filter((pid) => field(pid, "Name") === "starter");
    const images = readdirSync("/proc").filter(
      (pid) => field(pid, "Name").startsWith("squashfuse") && runtimes.includes(field(pid, "PPid")),
    );
    writeFileSync(go, "");
    expect(await running.ended).toMatchObject({ exitCode: 0, stderr: "" });
    expect([runtimes.length, images.length]).toEqual([1, 1]);
    await stepIsOver();
  });

  it("each task finds itself as in an ordinary start", async () => {
    const line = `umask 02$SLURM_PROCID; ulimit -S -n 10$SLURM_PROCID; export MINE="it's $SLURM_PROCID"
cd /tmp; exec nice -n "$SLURM_PROCID" "$PYTHON" -c "$PROGRAM" 7>/dev/null >"$OUT.$SLURM_PROCID"`;
    const out = join(directory, "seen");
    const seen = (warm: string | undefined) => {
      lines(srun(4, ["sh", "-c", line], { env: { PROGRAM: SURROUNDINGS, OUT: out, KAPSELI_WARM: warm } }));
      return [0, 1, 2, 3].map((task) => {
        const stdout = readFileSync(`${out}.${task}`, "utf8");
        const found = parseSurroundings({
          exitCode: 0,
          signal: null,
          stdout,
          stderr: "",
          raw: undefined as never,
        });
        const {
          environment: variables,
          group: _,
          session: __,
          ...others
        } = found.seen as Record<string, object>;
        // What Slurm counts up from step to step.
        const counted = /^SLURM_(STEP_?ID|TASK_PID|GTIDS|SRUN_COMM_PORT|STEP_LAUNCHER_PORT)$/;
        const kept = Object.entries(variables ?? {}).filter(([name]) => !counted.test(name));
        return { mounts: found.mounts, seen: { ...others, environment: Object.fromEntries(kept) } };
      });
    };
    const warm = seen(undefined);
    const cold = seen("off");
    expect(new Set(warm.map(({ mounts }) => mounts)).size).toBe(1);
    expect(warm.map((task) => task.seen)).toEqual(cold.map((task) => task.seen));
    await stepIsOver();
  });

  it("exit codes, standard input and signals are each task's own", async () => {
    const codes = `[ "$SLURM_PROCID" != 2 ] || exec "$EXEC" sh -c "exit 7"; exec "$EXEC" sh -c "exit 0"`;
    const failed = srun(4, ["sh", "-c", codes]);
    expect(failed.exitCode).toBe(7);
    const read = `import os, sys; print(os.environ["SLURM_PROCID"], sys.stdin.read())`;
    const input = srun(4, ["--input=0", python, "-c", read], { input: "a line" });
    expect(lines(input).map((one) => one.trim())).toEqual(["0 a line", "1", "2", "3"]);
    // A task that is told to end has its files until it has; USR1 is for the tasks alone.
    const told = `import os, signal, sys, time
def usr1(*_): open(sys.argv[1] + ".usr1." + os.environ["SLURM_PROCID"], "w").close()
def term(*_):
    import email.mime.text, sqlite3
    open(sys.argv[1] + ".term." + os.environ["SLURM_PROCID"], "w").close()
    os._exit(0)
signal.signal(signal.SIGUSR1, usr1)
signal.signal(signal.SIGTERM, term)
open(sys.argv[1] + ".ready." + os.environ["SLURM_PROCID"], "w").close()
while True: time.sleep(0.05)`;
    const at = join(directory, "told");
    const all = (what: string) => [0, 1, 2, 3].every((task) => existsSync(`${at}.${what}.${task}`));
    const running = startAs(user, words(4, [python, "-c", told, at]), { cwd: directory, env: settings() });
    await until("all run", () => all("ready"));
    for (const [signal, what] of [
      ["USR1", "usr1"],
      ["TERM", "term"],
    ] as const) {
      cancel(signal);
      await until(`all have had ${signal}`, () => all(what));
    }
    await running.ended;
    await stepIsOver();
  });

  it("two steps at once have each its own, and the end of one takes nothing from the other", async () => {
    const line = `"$EXEC" ${NAMESPACE}; until [ -e "$GO" ]; do sleep 0.1; done; "$EXEC" ${NAMESPACE}`;
    const go = [join(directory, "go1"), join(directory, "go2")] as const;
    const [first, second] = go.map((GO) =>
      startAs(user, words(4, ["sh", "-c", line]), { cwd: directory, env: { ...settings(), GO } }),
    ) as [Running, Running];
    for (const step of [first, second]) {
      await until("all tasks have been there", () => step.output().split("\n").length === 5);
    }
    expect(places()).toHaveLength(2);
    for (const [index, step] of [first, second].entries()) {
      writeFileSync(go[index] ?? "", "");
      await step.ended;
      await until("it has left nothing", () => places().length === 1 - index);
    }
    const spaces = [first, second].map((step) => new Set(step.output().trim().split("\n")));
    expect(spaces.map(({ size }) => size)).toEqual([1, 1]);
    expect(spaces[0]).not.toEqual(spaces[1]);
  });

  it("what a holder that was killed has left goes with the next step", async () => {
    const killed = startAs(user, words(4, [python, "-c", "import time; time.sleep(60)"]), {
      cwd: directory,
      env: settings(),
    });
    await until("there is a holder", () => places().some((at) => holdersIn(join("/dev/shm", at)).length > 0));
    const [old = ""] = places();
    const [holder = ""] = holdersIn(join("/dev/shm", old));
    // Until all have joined it.
    await until("all run", () => readdirSync(join(holder, `starts.${recorded(holder, "pid")}`)).length === 0);
    process.kill(Number(recorded(holder, "pid")), "SIGKILL");
    cancel("KILL");
    await killed.ended;
    await until("the step has left no process", () => marks().length === 0);
    expect(places()).toEqual([old]);
    lines(srun(4, [python, "-c", "pass"]));
    await stepIsOver();
  });

  it("with KAPSELI_WARM=off, in a step of few tasks, with a variable for the container, or outside of a step each is on its own", () => {
    const exec = join(bin, "_debug_exec");
    expect(containers(4, exec, { env: { KAPSELI_WARM: "off" } })).toBe(4);
    expect(containers(4, exec, { env: { SINGULARITYENV_FOO: "x" } })).toBe(4);
    expect(containers(3, exec)).toBe(3);
    // What a step of many has told to a program that is no task of it.
    const told = { SLURM_STEP_TASKS_PER_NODE: "4", SLURM_NODEID: "0", SLURM_JOB_ID: "1", SLURM_STEP_ID: "0" };
    for (const env of [told, { ...told, SLURM_STEP_TASKS_PER_NODE: "1" }]) {
      const trace = join(directory, "trace");
      const traced = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=execve,clone,clone3,fork,vfork",
        "-o",
        trace,
      ] as const;
      expect(runAs(user, [...traced, python, "-c", "pass"], { env }).exitCode).toBe(0);
      const calls = readFileSync(trace, "utf8").split("\n");
      expect(calls.findIndex((call) => call.includes('execve("/usr/bin/apptainer"'))).toBe(1);
    }
    expect(places()).toEqual([]);
  });

  it("a holder that hangs, or a runtime of another version than the proven, fails no task", async () => {
    const other = copyOf(user, environment, join(directory, "other"));
    const standIn = join(directory, "runtime");
    for (const lines_ of [
      'for word; do [ "$word" != kapseli-warm ] || exec sleep 300; done',
      "case $1 in --version) echo other; exit ;; esac",
    ]) {
      writeFileSync(standIn, `#!/bin/sh\n${lines_}\nexec /usr/bin/apptainer "$@"\n`);
      chmodSync(standIn, 0o755);
      rewriteLauncher(other.root, { runtimePath: standIn });
      expect(containers(4, join(other.bin, "_debug_exec"))).toBe(4);
      await until("the step has left no process", () => marks().length === 0);
    }
    // The next holder takes away what these have left.
    lines(srun(4, [python, "-c", "pass"]));
    await stepIsOver();
  });
});
