import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { everyWay, prepareEnvironments, sharedEnvironment } from "../support/launcher-environment.ts";
import { report } from "../support/launcher-report.ts";
import { ordinary, remove, runAs, scratch } from "../support/real.ts";

/** A real library whose loading changes nothing. */
const LIBRARY = "/usr/lib/x86_64-linux-gnu/libm.so.6";

// biome-ignore lint/suspicious/noTemplateCurlyInString: a value that looks like one
const EVALUATED = "$(touch pwned) `touch pwned` ${HOME} \\$x 'single' \"double\"\nsecond line ünï 😀 ";

/** Variables of the caller that reach the program as they are. */
const CALLERS: Record<string, string> = {
  FOO: EVALUATED,
  EMPTY: "",
  root: "a variable called root",
  self: "a variable called self",
  name: "a variable called name",
  IFS: "ab/1",
  CDPATH: "/tmp:/usr",
  PYTHONPATH: "/tmp/a module path:/opt/x",
  LD_PRELOAD: LIBRARY,
  BASH_ENV: "/tmp/kapseli-no-such-file",
  ENV: "$(touch pwned)",
  SHELL: "/usr/bin/fish",
  LANG: "de_DE.UTF-8",
  LC_ALL: "C.UTF-8",
  OMP_NUM_THREADS: "7",
  SLURM_JOB_ID: "12345",
  OLDPWD: "/usr",
};

/** What the shells themselves drop or rewrite before a script sees it: IFS is not taken from the environment. */
const SHELLS_OWN = new Set(["IFS"]);

const ACTIVATED_AWKWARD =
  "a \"double\" and 'single' quote, $HOME, `touch pwned`, $(touch pwned), back\\slash\na second line, ünïcode, a trailing space ";

describe("variables", () => {
  const user = ordinary();
  let directory = "";
  beforeAll(() => {
    prepareEnvironments(user);
    directory = scratch(user);
  });
  afterAll(() => remove(directory));

  describe.each(everyWay(user))("variables, the image mounted by $way", ({ environment: { python } }) => {
    const root = sharedEnvironment(user).root;
    const seen = (env: Record<string, string | undefined> = {}) =>
      report(user, python, [], { cwd: directory, env }).environment;

    it("of the caller reach the program byte for byte, and nothing in them is evaluated", () => {
      const inside = seen(CALLERS);
      for (const [name, value] of Object.entries(CALLERS)) {
        if (!SHELLS_OWN.has(name)) expect([name, inside[name]]).toEqual([name, value]);
      }
    });

    it("of the launcher's own do not reach the program", () => {
      expect(
        Object.keys(seen()).filter((name) => /^__k|_k_|^(SINGULARITY|APPTAINER)ENV_/.test(name)),
      ).toEqual([]);
    });

    const added = join(root, "libexec/kapseli-activate");

    it("PATH is the prefix's bin, what activation adds, then the caller's", () => {
      const PATH = "/opt/a b/bin:relative:/usr/bin:$(id):/bin";
      expect(seen({ PATH }).PATH).toBe(`${root}/bin:${added}:${PATH}`);
      expect(seen({ PATH, CW_NO_CONDA_ACTIVATE: "" }).PATH).toBe(`${root}/bin:${PATH}`);
    });

    it("PATH that begins with the prefix's bin is not made longer", () => {
      const PATH = `${root}/bin:/usr/bin`;
      expect(seen({ PATH, CW_NO_CONDA_ACTIVATE: "" }).PATH).toBe(PATH);
    });

    it("without PATH, or with an empty one, the system's programs are found", () => {
      const source =
        "import os, subprocess; subprocess.run(['ls', '/'], check=True, stdout=-3); print(os.environ['PATH'])";
      for (const shell of ["dash", "bash", "busybox sh", "ksh"]) {
        const line = `unset PATH; exec /usr/bin/${shell} "$0" -c "$1"`;
        const ran = runAs(user, ["sh", "-c", line, python, source]);
        expect(ran.stderr).toBe("");
        expect(ran.stdout.startsWith(`${root}/bin:${added}:/`)).toBe(true);
      }
      const usual = "/usr/local/bin:/usr/bin:/bin";
      expect(seen({ PATH: "" }).PATH).toBe(`${root}/bin:${added}:${usual}`);
      expect(seen({ PATH: "", CW_NO_CONDA_ACTIVATE: "" }).PATH).toBe(`${root}/bin:${usual}`);
    });

    it("LD_LIBRARY_PATH is the caller's, with the runtime's own directory after it", () => {
      expect(seen({ LD_LIBRARY_PATH: "/x y:/z" }).LD_LIBRARY_PATH).toBe("/x y:/z:/.singularity.d/libs");
      expect(seen({ LD_LIBRARY_PATH: "/x", SINGULARITYENV_LD_LIBRARY_PATH: "/s" }).LD_LIBRARY_PATH).toMatch(
        /^\/s:\/x:/,
      );
      expect(seen().LD_LIBRARY_PATH ?? "").toBe("");
    });

    it("SINGULARITYENV_X and APPTAINERENV_X are X inside, and not evaluated", () => {
      expect(seen({ SINGULARITYENV_FOO: EVALUATED }).FOO).toBe(EVALUATED);
      expect(seen({ APPTAINERENV_BAR: EVALUATED }).BAR).toBe(EVALUATED);
    });

    it.each(["SINGULARITY_BIND", "APPTAINER_BIND", "SINGULARITY_BINDPATH", "CW_EXTRA_BIND_MOUNTS"])(
      "%s binds over the host's directories, too",
      (name) => {
        writeFileSync(join(directory, "bound-by-the-caller"), "");
        const env = { [name]: `${directory}:/tmp,${directory}:/opt/:ro,/etc` };
        const code =
          "import os; print(*('bound-by-the-caller' in os.listdir(x) for x in ('/tmp', '/opt', '/etc')))";
        const ran = runAs(user, [python, "-c", code], { env });
        rmSync(join(directory, "bound-by-the-caller"));
        expect(ran).toMatchObject({ stdout: "True True False\n", stderr: "", exitCode: 0 });
      },
    );

    it("SINGULARITY_BIND and APPTAINER_BIND bind", () => {
      for (const name of ["SINGULARITY_BIND", "APPTAINER_BIND"]) {
        const ran = runAs(user, [python, "-c", "import os; print(os.path.isdir('/kapseli-bound/X11'))"], {
          env: { [name]: "/etc:/kapseli-bound" },
        });
        expect(ran.stderr).toBe("");
        expect(ran.exitCode).toBe(0);
      }
    });

    it("binds left over from a container (srun in one) are ignored", () => {
      for (const family of ["SINGULARITY", "APPTAINER"]) {
        const env = {
          [`${family}_NAME`]: "base.sif",
          [`${family}_CONTAINER`]: "/nonexistent/base.sif",
          [`${family}_BIND`]: "/nonexistent",
        };
        expect(runAs(user, [python, "-c", "print('ok')"], { env })).toMatchObject({
          stdout: "ok\n",
          stderr: "",
        });
      }
    });

    it("env -i and a start by its path is enough", () => {
      const ran = runAs(user, ["env", "-i", python, "-c", "import sys; print(sys.prefix)"]);
      expect(ran).toMatchObject({ stdout: `${root}\n`, stderr: "" });
    });

    it("of the activation are as the packages' scripts left them, byte for byte", () => {
      expect(seen()).toMatchObject({
        CONDA_PREFIX: root,
        CONDA_DEFAULT_ENV: root,
        CONDA_SHLVL: "1",
        ACTIVATED_PLAIN: "plain",
        ACTIVATED_EMPTY: "",
        ACTIVATED_BY_ENV_VARS: "from env_vars.d",
        ACTIVATED_AWKWARD,
        ACTIVATED_HOME: join(root, "share/kapseli-activate"),
        ACTIVATED_PREPENDED: join(root, "first"),
        ACTIVATED_APPENDED: join(root, "last"),
      });
      expect(seen()).not.toHaveProperty("ACTIVATED_NOT_EXPORTED");
    });

    it("of the activation are set over, prepended and appended to the caller's", () => {
      const caller = {
        ACTIVATED_PLAIN: "mine",
        ACTIVATED_PREPENDED: EVALUATED,
        ACTIVATED_APPENDED: EVALUATED,
      };
      expect(seen(caller)).toMatchObject({
        ACTIVATED_PLAIN: "plain",
        ACTIVATED_PREPENDED: `${root}/first:${EVALUATED}`,
        ACTIVATED_APPENDED: `${EVALUATED}:${root}/last`,
      });
    });

    it("CW_NO_CONDA_ACTIVATE, even empty, leaves the activation out; CW_FORCE_CONDA_ACTIVATE beats it", () => {
      for (const value of ["1", ""]) {
        expect(seen({ CW_NO_CONDA_ACTIVATE: value })).not.toHaveProperty("ACTIVATED_PLAIN");
      }
      const both = seen({ CW_NO_CONDA_ACTIVATE: "1", CW_FORCE_CONDA_ACTIVATE: "1" });
      expect(both).toHaveProperty("ACTIVATED_PLAIN", "plain");
    });
  });

  it("PYTHONPATH's modules are imported", () => {
    const { python } = sharedEnvironment(user);
    runAs(user, ["sh", "-c", "mkdir mods && echo here=1 >mods/kapseli_mod.py"], { cwd: directory });
    const PYTHONPATH = join(directory, "mods");
    const ran = runAs(user, [python, "-c", "import kapseli_mod; print(kapseli_mod.__file__)"], {
      env: { PYTHONPATH },
    });
    expect(ran.stdout).toBe(`${PYTHONPATH}/kapseli_mod.py\n`);
  });

  it("LD_PRELOAD is loaded by the program", () => {
    const { python } = sharedEnvironment(user);
    const source = "print('libutil' in open('/proc/self/maps').read())";
    const env = { LD_PRELOAD: "/usr/lib/x86_64-linux-gnu/libutil.so.1" };
    expect(runAs(user, [python, "-c", source], { env })).toMatchObject({ stdout: "True\n", stderr: "" });
    expect(runAs(user, [python, "-c", source]).stdout).toBe("False\n");
  });

  it("nothing was evaluated on the way", () => {
    expect(runAs(user, ["ls", directory]).stdout).toBe("mods\n");
  });
});
