import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  copyOf,
  type LauncherEnvironment,
  prepareEnvironments,
  rewriteLauncher,
  sharedEnvironment,
} from "../support/launcher-environment.ts";
import { report } from "../support/launcher-report.ts";
import { ordinary, type Ran, type RunAs, remove, runAs, scratch } from "../support/real.ts";

const MINIMAL_PATH = "/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/bin";
// biome-ignore lint/suspicious/noTemplateCurlyInString: a value that looks like one
const EVALUATED = "$(touch pwned) `touch pwned` ${HOME} 'single' \"double\" ü";

describe("an environ script", () => {
  const user = ordinary();
  const root = sharedEnvironment(user).root;
  let directory = "";
  let environment: LauncherEnvironment;
  const script = (text: string): void => writeFileSync(join(environment.root, "current/environ.bash"), text);
  const seen = (text: string, env: Record<string, string | undefined> = {}, args: string[] = []) => {
    script(text);
    return report(user, environment.python, args, { cwd: directory, env });
  };
  const ran = (text: string, options: RunAs = {}, code = "print('ran')"): Ran => {
    script(text);
    return runAs(user, [environment.python, "-c", code], { cwd: directory, ...options });
  };

  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
    environment = copyOf(user, sharedEnvironment(user), join(directory, "env"));
    rewriteLauncher(environment.root, { environ: true });
  });
  afterAll(() => remove(directory));

  it("runs before every command, and what it exports reaches the program", () => {
    const text = `export FROM_ENVIRON="a 'b' $((40 + 2))"; NOT_EXPORTED=1\n`;
    const inside = seen(text, {}, ["", "a b", EVALUATED]);
    expect(inside.argv).toEqual(["", "a b", EVALUATED]);
    expect(inside.environment).toMatchObject({ FROM_ENVIRON: "a 'b' 42", ACTIVATED_PLAIN: "plain" });
    expect(inside.environment).not.toHaveProperty("NOT_EXPORTED");
    expect(Object.keys(inside.environment).filter((name) => name.startsWith("__k"))).toEqual([]);
    for (const call of [["_debug_exec", "printenv", "FROM_ENVIRON"], ["_debug_shell"]]) {
      const [name = "", ...args] = call;
      const input = "printenv FROM_ENVIRON\n";
      expect(runAs(user, [join(environment.bin, name), ...args], { input }).stdout).toBe("a 'b' 42\n");
    }
  });

  it("has the caller's variables, a system PATH, the caller's in OLD_PATH, and what the launcher set", () => {
    const text = 'export GIVEN="$PATH|$OLD_PATH|$FOO|$install_root|$SINGULARITYENV_PATH"\n';
    const PATH = "/opt/a b:/usr/bin:/bin";
    const added = `${root}/libexec/kapseli-activate`;
    const inside = seen(text, { PATH, FOO: EVALUATED }).environment;
    expect(inside.GIVEN).toBe(`${MINIMAL_PATH}|${PATH}|${EVALUATED}|${root}|${root}/bin:${added}:${PATH}`);
    expect(inside).toMatchObject({ PATH: `${root}/bin:${added}:${PATH}`, OLD_PATH: PATH });
  });

  it.each(["SINGULARITYENV", "APPTAINERENV"])(
    "changes PATH and the libraries inside by %s_, not by PATH",
    (family) => {
      const text = `export PATH=/no LD_LIBRARY_PATH=/no
export ${family}_PATH=/first:$${family}_PATH
export ${family}_LD_LIBRARY_PATH=$${family}_LD_LIBRARY_PATH:/last\n`;
      const inside = seen(text, { LD_LIBRARY_PATH: "/mine" }).environment;
      expect(inside.PATH).toMatch(`/first:${root}/bin:`);
      expect(inside.LD_LIBRARY_PATH).toBe("/mine:/last:/.singularity.d/libs");
      expect(seen(`export ${family}_LD_LIBRARY_PATH=/only\n`).environment.LD_LIBRARY_PATH).toMatch(
        /^\/only:/,
      );
    },
  );

  it("binds by SINGULARITY_BIND, whatever the caller binds", () => {
    const text = 'SINGULARITY_BIND="$SINGULARITY_BIND,/etc:/from-environ"; export SINGULARITY_BIND\n';
    const code =
      "import os; print([name for name in ('/from-environ', '/of-caller') if os.path.isdir(name)])";
    for (const name of ["SINGULARITY_BIND", "APPTAINER_BIND", "SINGULARITY_BINDPATH"]) {
      const both = ran(text, { env: { [name]: "/etc:/of-caller" } }, code);
      expect(both).toMatchObject({ stdout: "['/from-environ', '/of-caller']\n", stderr: "" });
    }
    expect(ran(text, {}, code)).toMatchObject({ stdout: "['/from-environ']\n", stderr: "" });
  });

  it.each([
    ["arguments are set", "set -- other words; shift\n"],
    ["it returns early", "return 3\nexit 9\n"],
    ["a command fails", "false; nonexistent-command 2>/dev/null\n"],
    [
      "functions take the names of what is used after it",
      "exec() { :; }; trap() { :; }; set() { :; }; printf() { :; }; export() { :; }\n",
    ],
    ["options are set", "set -u -o pipefail -f +o posix; IFS=/; shopt -s nullglob nocasematch\n"],
    ["a trap is set", "trap 'echo trapped' DEBUG ERR >/dev/null\ntrap : EXIT\n"],
    ["it is empty", ""],
    ["it does not end in a newline", "export X=1"],
    ["aliases are expanded", "shopt -s expand_aliases; alias __k_start='echo no' exec='echo no'\n"],
    ["standard input is a pipe that it does not read", "export Y=1\n"],
  ])("when %s, the program runs with its own arguments", (_, text) => {
    const inside = seen(text.replace("echo trapped", ":"), {}, ["one", "", "two three"]);
    expect(inside.argv).toEqual(["one", "", "two three"]);
  });

  it("has the caller's arguments as its own", () => {
    expect(seen('export WORDS="$#:$3"\n', {}, ["third"]).environment.WORDS).toBe("3:third");
    expect(runAs(user, [join(environment.bin, "_debug_exec"), "sh", "-c", "echo $WORDS"]).stdout).toBe(
      "3:echo $WORDS\n",
    );
  });

  it.each([
    ["exit 0", 0, 1],
    ["exit 7", 7, 7],
    ["set -e; false", 1, 1],
    ["set -u; : $unset_variable", 127, 127],
  ])("ended by `%s` it says so in one line, and the program does not run", (text, code, exitCode) => {
    const ended = ran(`${text} 2>/dev/null\n`);
    expect(ended).toMatchObject({ stdout: "", exitCode });
    expect(ended.stderr).toMatch(
      new RegExp(
        `kapseli: python3: the environ script \\S+/environ.bash ended the start with exit code ${code}; [^\\n]*\\n$`,
      ),
    );
  });

  it("prints where it prints, and reads the caller's standard input", () => {
    const printed = ran(
      'echo out; echo err >&2; read -r line; echo "$line"\n',
      { input: "first\nsecond\n" },
      "print(input())",
    );
    expect(printed).toMatchObject({ stdout: "out\nfirst\nsecond\n", stderr: "err\n" });
  });

  it("an EXIT code of the program and its signals are its own", () => {
    expect(ran(":", {}, "raise SystemExit(5)").exitCode).toBe(5);
    expect(ran(":", {}, "import os; os.kill(os.getpid(), 15)").signal).toBe("SIGTERM");
  });

  it("BASH_ENV is the program's, not run on the way; functions exported by modules can be called", () => {
    writeFileSync(join(directory, "bash_env"), "echo from BASH_ENV\n");
    const BASH_ENV = join(directory, "bash_env");
    expect(seen(":", { BASH_ENV }).environment).toMatchObject({ BASH_ENV });
    script("module load x\n");
    const line =
      'module() { export LOADED=$2; }; export -f module; exec bash "$0" -c \'import os; print(os.environ["LOADED"])\'';
    expect(runAs(user, ["bash", "-c", line, environment.python])).toMatchObject({
      stdout: "x\n",
      stderr: "",
    });
  });

  it("is one process as any start: launcher, bash, runtime", () => {
    script("export X=1\n");
    const trace = join(directory, "trace");
    const call = [environment.python, "-c", "pass"] as const;
    runAs(user, ["strace", "-f", "-qq", "-e", "trace=execve,clone,clone3,fork,vfork", "-o", trace, ...call]);
    const traced = readFileSync(trace, "utf8").split("\n");
    const runtime = traced.findIndex((line) => line.includes('execve("/usr/bin/apptainer"'));
    const chain = traced
      .slice(0, runtime + 1)
      .map((line) => /(\w+)\("?([^",]*)/.exec(line)?.slice(1).join(" "));
    expect(chain).toEqual([`execve ${environment.python}`, "execve /bin/bash", "execve /usr/bin/apptainer"]);
  });

  it.each(["dash", "bash", "busybox sh", "ksh", "mksh"])(
    "is the same with %s as the launcher's shell",
    (shell) => {
      script('export FROM_ENVIRON="$FOO" SINGULARITYENV_PATH=/first:$SINGULARITYENV_PATH\n');
      const call = [...shell.split(" "), environment.python] as unknown as [string, ...string[]];
      const inside = report(user, call, ["a b", ""], { cwd: directory, env: { FOO: EVALUATED } });
      expect(inside.argv).toEqual(["a b", ""]);
      expect(inside.environment).toMatchObject({ FROM_ENVIRON: EVALUATED });
      expect(inside.environment.PATH).toMatch(/^\/first:/);
    },
  );

  it("env -i is enough, and PATH is not the script's", () => {
    script(":");
    const code = "import os; print(os.environ['PATH'].split(':')[0])";
    const bare = runAs(user, ["env", "-i", environment.python, "-c", code]);
    expect(bare).toMatchObject({ stdout: `${root}/bin\n`, stderr: "" });
  });

  it("in the container itself is not run again", () => {
    const nested = ran(
      "echo once\n",
      {},
      `import subprocess, sys; subprocess.run(["${environment.bin}/python3", "-c", "print('nested')"])`,
    );
    expect(nested.stdout).toBe("once\nnested\n");
  });

  it("that is gone is an error of one line", () => {
    runAs(user, ["rm", join(environment.root, "current/environ.bash")]);
    const gone = runAs(user, [environment.python, "-V"]);
    expect(gone.stderr).toMatch(/^kapseli: python3: the environ script \S+ is missing[^\n]*\n$/);
    expect(gone.exitCode).toBe(1);
  });

  it("nothing of the caller's was evaluated on the way", () => {
    expect(runAs(user, ["ls", directory]).stdout).not.toContain("pwned");
  });
});
