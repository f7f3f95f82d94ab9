import { beforeAll, describe, expect, it } from "vitest";
import { everyWay, prepareEnvironments, sharedEnvironment } from "../support/launcher-environment.ts";
import { program, startAs } from "../support/launcher-report.ts";
import { runAs, type TestUser, testUsers } from "../support/real.ts";

const SIGNALS_OF_DEATH = { SIGTERM: 15, SIGKILL: 9, SIGSEGV: 11, SIGHUP: 1, SIGQUIT: 3, SIGPIPE: 13 };

const dieBy = (signal: string) =>
  `import os, resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if "${signal}" != "SIGKILL": signal.signal(signal.${signal}, signal.SIG_DFL)
os.kill(os.getpid(), signal.${signal})`;

/** Types into a terminal in which a program runs; see test/e2e/launcher/terminal.py. */
function atTerminal(user: TestUser, steps: [string, string][], argv: [string, ...string[]]) {
  const ran = runAs(
    user,
    ["/usr/bin/python3", "-c", program("terminal.py"), JSON.stringify(steps), ...argv],
    {
      env: { PS1: "$ ", PYTHONSTARTUP: "" },
    },
  );
  if (ran.exitCode !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as { shown: string; status: number; undone: unknown[] };
}

describe.each(testUsers())("as $name", (user) => {
  beforeAll(() => prepareEnvironments(user));

  describe.each(everyWay(user))("endings, the image mounted by $way", ({ way, environment: { python } }) => {
    it.each([0, 1, 3, 127, 255])("exit code %i is the program's", (code) => {
      const ran = runAs(user, [python, "-c", `import sys; sys.exit(${code})`]);
      expect(ran).toMatchObject({ exitCode: code, signal: null, stdout: "", stderr: "" });
    });

    const seen =
      way === "image" ? "is seen by the caller" : "is exit code 128+N, because of its PID namespace";
    it.each(Object.entries(SIGNALS_OF_DEATH))(`death by %s ${seen}`, (signal, number) => {
      const ran = runAs(user, [python, "-c", dieBy(signal)]);
      expect({ exitCode: ran.exitCode, signal: ran.signal }).toEqual(
        way === "image" ? { exitCode: null, signal } : { exitCode: 128 + number, signal: null },
      );
    });

    it("TERM, INT, HUP, QUIT, USR2, WINCH and USR1 sent to the launcher reach the program", async () => {
      const running = startAs(user, [python, "-c", program("signals.py")]);
      await running.said("ready");
      for (const signal of [
        "SIGTERM",
        "SIGINT",
        "SIGHUP",
        "SIGQUIT",
        "SIGUSR2",
        "SIGWINCH",
        "SIGUSR1",
      ] as const) {
        running.child.kill(signal);
        await running.said(`got ${signal}`);
      }
      expect(await running.ended).toMatchObject({ exitCode: 0, signal: null, stderr: "" });
    });

    it("TERM to a program that does not handle it ends it", async () => {
      const running = startAs(user, [
        python,
        "-c",
        "print('ready', flush=True); import signal; signal.pause()",
      ]);
      await running.said("ready");
      running.child.kill("SIGTERM");
      expect(await running.ended).toMatchObject(
        way === "image" ? { signal: "SIGTERM" } : { exitCode: 143, signal: null },
      );
    });

    it("Ctrl-C on a terminal is the program's KeyboardInterrupt, once", () => {
      // Short sleeps: a signal between two system calls is seen after the next one.
      const source = [
        "import time",
        "try:",
        "    print('ready')",
        "    while True: time.sleep(0.01)",
        "except KeyboardInterrupt: print('interrupted')",
        "print(input())",
      ].join("\n");
      const played = atTerminal(
        user,
        [
          ["ready", "\x03"],
          ["interrupted", "a line\n"],
        ],
        [python, "-c", source],
      );
      expect(played.status).toBe(0);
      expect(played.shown.match(/interrupted/g)).toHaveLength(1);
      expect(played.shown).toMatch(/a line\r\na line\r\n$/);
    });

    it("Ctrl-Z stops it, fg goes on with it, and it still reads the terminal", () => {
      // It reads only when it goes on: one that reads while it is being stopped can take what is typed to the shell.
      const source =
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCONT]); print('rea' + 'dy', flush=True); " +
        "signal.sigwait([signal.SIGCONT]); print('read', repr(input()))";
      const played = atTerminal(
        user,
        [
          ["$ ", `${python} -c "${source}"\n`],
          ["ready", "\x1a"],
          ["Stopped", ""],
          ["$ ", "fg\n"],
          [python, "a line\n"],
          ["read 'a line'", ""],
          ["$ ", "exit 5\n"],
        ],
        ["bash", "--norc", "--noediting", "-i"],
      );
      expect(played.undone).toEqual([]);
      expect(played.status).toBe(5);
    });

    it("an interactive Python is one: prompt, answer, end of file", () => {
      const played = atTerminal(
        user,
        [
          [">>> ", "6*7\n"],
          ["42\r\n>>> ", "\x04"],
        ],
        [python, "-q"],
      );
      expect(played).toMatchObject({ status: 0, undone: [] });
    });
  });

  it("the program has the terminal's size, and it is its terminal", () => {
    const { python } = sharedEnvironment(user);
    const source = "import os; print(os.isatty(0), os.isatty(1), os.isatty(2), os.ttyname(0) != '')";
    expect(atTerminal(user, [], [python, "-c", source]).shown).toBe("True True True True\r\n");
  });
});
