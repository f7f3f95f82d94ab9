import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/builds.ts";
import {
  copyOf,
  everyWay,
  otherEnvironment,
  prepareEnvironments,
  sharedEnvironment,
} from "../support/launcher-environment.ts";
import { baseEnvironment, ordinary, PROJECT, type RunAs, remove, runAs, scratch } from "../support/real.ts";

const user = ordinary();
let directory = "";
const a = sharedEnvironment(user);
const b = otherEnvironment(user);
const run = (args: string[], options: RunAs = {}) => runAs(user, ["kapseli", "run", ...args], options);
const python = (source: string): string[] => ["--", "python3", "-c", source];

beforeAll(() => {
  prepareEnvironments(user);
  directory = scratch(user);
});
afterAll(() => remove(directory));

describe("kapseli run", () => {
  it("runs a command of the environment with its arguments as they are, activated", () => {
    const source =
      "import os, sys; print(sys.prefix, os.environ.get('ACTIVATED_PLAIN'), os.environ.get('CONDA_PREFIX'), sys.argv[1:])";
    const ran = run([a.root, ...python(source), "--json", "--with", "", "a b", "-h"]);
    expect(ran).toMatchObject({
      stdout: `${a.root} plain ${a.root} ['--json', '--with', '', 'a b', '-h']\n`,
      stderr: "",
      exitCode: 0,
    });
  });

  it("runs any other command the same, also without --, and reads its standard input", () => {
    const ran = run([a.root, "sh", "-c", 'cat; printf %s "$ACTIVATED_PLAIN"; command -v python3'], {
      input: "in\n",
    });
    expect(ran.stdout).toBe(`in\nplain${a.bin}/python3\n`);
  });

  it("leaves the limit of open files as the caller has it, which Node raises for itself", () => {
    const limits = 'echo "$(ulimit -S -n) $(ulimit -H -n)"';
    const script = `ulimit -S -n 123; ulimit -H -n 2345; kapseli run "$0" -- sh -c '${limits}'; exit $?`;
    expect(runAs(user, ["bash", "-c", script, a.root])).toMatchObject({
      stdout: "123 2345\n",
      stderr: "",
      exitCode: 0,
    });
  });

  it("leaves the activation out with CW_NO_CONDA_ACTIVATE, as _debug_exec does by itself", () => {
    const command = ["sh", "-c", "echo [$ACTIVATED_PLAIN]"];
    expect(run([a.root, ...command], { env: { CW_NO_CONDA_ACTIVATE: "" } }).stdout).toBe("[]\n");
    expect(runAs(user, [join(a.bin, "_debug_exec"), ...command] as [string, ...string[]]).stdout).toBe(
      "[]\n",
    );
  });

  it.each([
    ["its own", "exit 7", 7],
    ["128+N for a signal", "kill -9 $$", 137],
  ])("has the command's exit code: %s", (_what, script, code) => {
    expect(run([a.root, "--", "sh", "-c", script]).exitCode).toBe(code);
    expect(run(["--wait-children", a.root, "--", "sh", "-c", script]).exitCode).toBe(code);
  });

  it.each([["SIGTERM"], ["SIGINT"], ["SIGHUP"], ["SIGUSR1"]] as const)(
    "hands %s on to the command, whose end it waits for; nothing is left",
    async (signal) => {
      const source =
        "import signal, sys, time\n" +
        `signal.signal(signal.${signal}, lambda *_: (print('got', flush=True), sys.exit(5)))\n` +
        "print('up', flush=True)\ntime.sleep(60)";
      for (const wait of [[], ["--wait-children"]]) {
        const started = spawn("kapseli", ["run", ...wait, a.root, ...python(source)], {
          env: baseEnvironment(user),
          detached: true,
          ...(userInfo().uid === 0 ? { uid: user.uid, gid: user.gid } : {}),
        });
        let said = "";
        started.stdout.on("data", (chunk) => {
          said += chunk;
        });
        const ended = new Promise((resolve) => started.on("close", (code, by) => resolve(code ?? by)));
        await until("the program", () => said.includes("up"));
        started.kill(signal);
        expect(await ended).toBe(5);
        expect(said).toBe("up\ngot\n");
      }
    },
  );

  it("ends by Ctrl-C at a terminal: the program sees it once", () => {
    const source =
      // In pieces: a signal just before the system call waits for the end of a sleep.
      "import time\ntry:\n  print('up', flush=True)\n  for _ in range(600): time.sleep(0.1)\n" +
      "except KeyboardInterrupt:\n  time.sleep(0.5); print('interrupted once', flush=True)";
    for (const wait of [[], ["--wait-children"]]) {
      const ran = runAs(
        user,
        [
          "/usr/bin/python3",
          join(PROJECT, "test/support/terminal.py"),
          ...["kapseli", "run", ...wait, a.root, ...python(source)],
        ] as unknown as [string, ...string[]],
        {
          input: JSON.stringify([
            ["up", "\u0003"],
            ["interrupted once", ""],
          ]),
        },
      );
      expect(ran.stdout).toContain("interrupted once");
      expect(ran.stdout).not.toContain("Traceback");
    }
  });

  it("refuses arguments that are not UTF-8 instead of changing them", () => {
    const ran = runAs(user, ["sh", "-c", `kapseli run "$0" -- echo "$(printf '\\377')"`, a.root]);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("not valid UTF-8");
  });

  it.each<[string, string[], number, string]>([
    ["no command", [a.root], 2, "there is no command to run"],
    ["an option after the prefix", [a.root, "--wait-children", "--", "true"], 2, "Put options before PREFIX"],
    ["no prefix", [], 2, "required: prefix"],
    ["an unknown option", ["--nothing", a.root, "true"], 2, "unknown option '--nothing'"],
    ["a prefix that is not there", ["/nowhere", "--", "true"], 3, "/nowhere does not exist"],
    ["a directory that is no environment", ["/usr", "--", "true"], 3, "/usr is not an environment"],
    ["the same for --with", ["--with", "/usr", a.root, "--", "true"], 3, "/usr is not an environment"],
    [
      "--with itself",
      ["--with", a.root, a.root, "--", "true"],
      3,
      "is the place of the environment that runs",
    ],
    ["a path that may not be searched", ["/root/x", "--", "true"], 4, "/root/x cannot be reached"],
  ])("refuses %s", (_what, args, code, says) => {
    const ran = run(args);
    expect(ran.exitCode).toBe(code);
    expect(ran.stderr).toContain(says);
    expect(ran.stderr).not.toContain("was not expected");
  });
});

describe("kapseli run --with", () => {
  const where = "import os, sys; print(os.environ['PATH'])";
  const prefixOf = (bin: string): string =>
    `import subprocess; subprocess.run([${JSON.stringify(join(bin, "python3"))}, '-c', 'import sys; print(sys.prefix)'])`;

  it("mounts the other at its own place, with its commands after those of the first", () => {
    const ran = run(["--with", b.root, a.root, ...python(where)]);
    const path = ran.stdout.trim().split(":");
    expect(path.indexOf(b.bin)).toBeGreaterThan(0);
    expect(path[0]).toBe(a.bin);
    expect(path.indexOf(b.bin)).toBeLessThan(path.indexOf("/usr/bin"));
    expect(run(["--with", b.root, a.root, ...python(prefixOf(b.bin))]).stdout).toBe(`${b.root}\n`);
  });

  it("takes the other by a relative path through a link, and keeps what the caller binds", () => {
    runAs(user, ["ln", "-s", b.root, join(directory, "link")]);
    runAs(user, ["mkdir", join(directory, "seen")]);
    const source = `${prefixOf(b.bin)}; import os; print(sorted(os.listdir('seen')))`;
    const ran = run(["--with", "link", a.root, ...python(source)], {
      cwd: directory,
      env: { CW_EXTRA_BIND_MOUNTS: `${directory}:${directory}/seen` },
    });
    expect(ran.stdout).toBe(`${b.root}\n['link', 'seen']\n`);
  });

  it("mounts a copy of the other at the place that it was built for", () => {
    const copy = copyOf(user, b, join(directory, "copy"));
    expect(run(["--with", copy.root, a.root, ...python(prefixOf(b.bin))]).stdout).toBe(`${b.root}\n`);
  });

  it("says when this environment's way of mounting takes no second image", () => {
    const fuse = everyWay(user).find(({ way }) => way === "fusemount");
    const ran = run(["--with", b.root, fuse?.environment.root ?? "", "--", "true"]);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain("cannot bind a second image");
  });
});

describe("kapseli run --wait-children", () => {
  const late = (after: string): string[] => [
    "--",
    "sh",
    "-c",
    `(setsid sh -c 'sleep 1; cowsay -t ${after}' </dev/null &); exit 3`,
  ];

  it.each(everyWay(user))("stays until a daemonised grandchild has ended ($way)", ({ environment }) => {
    const ran = run(["--wait-children", environment.root, ...late("late")]);
    expect(ran.exitCode).toBe(3);
    expect(ran.stdout).toContain("| late |");
    expect(ran.stderr).toBe("");
  });

  it("is what keeps the files there: without it that grandchild has none", () => {
    // The pipe is open until the grandchild has ended.
    const ran = run([a.root, ...late("late")]);
    expect(ran.stdout).not.toContain("| late |");
    expect(ran.stderr).toContain("Transport endpoint is not connected");
  });

  it("gives the command its standard input, and SIGINT as it is", () => {
    const source = "import signal, sys; print(sys.stdin.read(), signal.getsignal(signal.SIGINT).__name__)";
    const ran = run(["--wait-children", a.root, ...python(source)], { input: "in" });
    expect(ran.stdout).toBe("in default_int_handler\n");
  });

  it("the first signal after the command's end goes to those that are left", async () => {
    const started = spawn(
      "kapseli",
      ["run", "--wait-children", a.root, "--", "sh", "-c", "(setsid sleep 600 &); echo $$; exit 4"],
      {
        env: baseEnvironment(user),
        detached: true,
        stdio: ["ignore", "pipe", "ignore"],
        ...(userInfo().uid === 0 ? { uid: user.uid, gid: user.gid } : {}),
      },
    );
    const ended = new Promise((resolve) => started.on("exit", (code, by) => resolve(code ?? by)));
    let said = "";
    started.stdout.on("data", (chunk) => {
      said += chunk;
    });
    await until("the command's end", () => said !== "" && onlySleepLeft());
    started.kill("SIGTERM");
    expect(await ended).toBe(4);
    expect(sleeping()).toEqual([]);
  });

  const sleeping = (): string[] =>
    runAs(user, ["pgrep", "-u", String(user.uid), "-f", "^sleep 600$"])
      .stdout.split("\n")
      .filter(Boolean);
  // Its parent is then the container's first process.
  const onlySleepLeft = (): boolean =>
    sleeping().some((pid) => /^NSpid:\s+\d+\s+\d+/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
});

describe("kapseli shell", () => {
  it("starts a shell in the container, activated, that reads its commands from standard input", () => {
    const ran = runAs(user, ["kapseli", "shell", "--with", b.root, a.root], {
      input: `echo "[$ACTIVATED_PLAIN]"; command -v python3; ${b.bin}/python3 -c 'import sys; print(sys.prefix)'; exit 6\n`,
    });
    expect(ran.stdout).toBe(`[plain]\n${a.bin}/python3\n${b.root}\n`);
    expect(ran.exitCode).toBe(6);
  });

  it("refuses arguments, which the runtime would ignore", () => {
    const ran = runAs(user, ["kapseli", "shell", a.root, "--", "-c", "true"]);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain("too many arguments");
  });
});
