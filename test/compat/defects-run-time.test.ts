import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { debian12, smallTree } from "../support/base-image.ts";
import { buildProcesses, newPlace, type Place, put, putEnv, until } from "../support/builds.ts";
import { check, once } from "../support/compat-checks.ts";
import { output, python, says, script, siteFile, type, typeWell } from "../support/compat-place.ts";
import { baseEnvironment, ordinary, ownTopLevel, PROJECT } from "../support/real.ts";

describe("defects of Tykky's wrappers", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
    put(place, "requirements.txt", "cowsay==6.1\n");
    putEnv(place, "python=3.11");
  });
  afterAll(() => place?.[Symbol.dispose]());

  const pip = once(() => {
    typeWell(place, "pip-containerize new --uv --prefix pip requirements.txt");
    return at("pip/bin/python3");
  });
  const sandbox = once(() => {
    smallTree(place, "tree", "a sandbox");
    typeWell(place, "wrap-container -w /bin --prefix sandbox tree");
    return at("sandbox/bin");
  });
  const mountPoints = (prefix: string): string[] =>
    says(place, [join(prefix, "bin/_debug_exec"), "cat", "/proc/self/mountinfo"])
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "");

  check("defect 13", () => {
    const env = siteFile(place, { excluded_mount_points: ["/mnt", "/media", "/sr"] });
    typeWell(place, "pip-containerize new --uv --prefix excluding requirements.txt", { env });
    const points = mountPoints(at("excluding"));
    expect(points).not.toContain("/mnt");
    expect(points).not.toContain("/media");
    expect(points).toContain("/srv");
    // Only root can make a directory below /; elsewhere what the machine has must do.
    const own = ownTopLevel(process.ppid);
    expect(existsSync(own)).toBe(userInfo().uid === 0);
    if (existsSync(own)) expect(points).toContain(own);
  });

  check("defect 14", () => {
    const names = ["plain.txt", "with a space", "star*@", "ends-in-x"];
    for (const name of names) {
      put(place, `odd/bin/${name}`, `#!/bin/sh\necho "ran ${name}"\n`, name === "plain.txt" ? 0o644 : 0o755);
    }
    const env = siteFile(place, { wrap_all: true });
    typeWell(place, "wrap-install -w bin --prefix wrapped-odd odd", { env });
    expect(readdirSync(at("wrapped-odd/bin"))).toEqual(expect.arrayContaining(names));
    expect(says(place, [at("wrapped-odd/bin/with a space")])).toBe("ran with a space");
    expect(says(place, [at("wrapped-odd/bin/star*@")])).toBe("ran star*@");
  });

  check("defect 15", async () => {
    const { uid, gid } = place.user;
    const program = "import signal; open('waiting', 'w'); signal.pause()";
    const child = spawn(pip(), ["-c", program], {
      cwd: place.directory,
      env: { ...baseEnvironment(place.user), ...place.environment },
      stdio: "ignore",
      ...(userInfo().uid === 0 ? { uid, gid } : {}),
    });
    const ended = new Promise<string>((resolve) => {
      child.on("exit", (code, signal) => resolve(`${signal ?? code}`));
    });
    await until("the program", () => existsSync(at("waiting")));
    child.kill("SIGTERM");
    expect(["SIGTERM", "143"]).toContain(await ended);
    await until("its end", () => buildProcesses(place).length === 0);
  });

  check("defect 16", "what activation set is there, and none of its scripts runs at a call", () => {
    const post = script(
      place,
      "activation.sh",
      'mkdir -p "$CONDA_PREFIX/etc/conda/activate.d"',
      `echo 'echo ran >> "${at("activations")}"; export FROM_ACTIVATION=yes' > "$CONDA_PREFIX/etc/conda/activate.d/count.sh"`,
    );
    typeWell(place, `conda-containerize new --post-install ${post} --prefix activated env.yml`);
    const runs = (): string => (existsSync(at("activations")) ? readFileSync(at("activations"), "utf8") : "");
    const before = runs();
    const code = "import os; print(os.environ['FROM_ACTIVATION'])";
    expect(python(place, at("activated/bin/python3"), code)).toBe("yes");
    expect(runs()).toBe(before);
  });

  check("defect 16", "an activation script that fails is reported when the environment is built", () => {
    const post = script(
      place,
      "bad-activation.sh",
      'mkdir -p "$CONDA_PREFIX/etc/conda/activate.d"',
      `echo 'kapseli_no_such_command' > "$CONDA_PREFIX/etc/conda/activate.d/bad.sh"`,
    );
    const ran = type(place, `conda-containerize new --post-install ${post} --prefix badly-activated env.yml`);
    expect(output(ran)).toMatch(/^\[ (WARNING|ERROR) \] .*activat/m);
    expect(output(ran)).toContain("kapseli_no_such_command");
  });

  check("defect 17", () => {
    put(place, "evil");
    const PATH = `$(touch ${at("evil/path")}):${baseEnvironment(place.user).PATH}`;
    const env = {
      PATH,
      APPTAINER_BIND: `${at("requirements.txt")}:/kapseli-bound`,
      APPTAINERENV_PATH: "/nowhere",
      APPTAINERENV_KAPSELI: `$(touch ${at("evil/value")})`,
    };
    const code = "import cowsay, os; print(os.environ['PATH']); print(open('/kapseli-bound').read())";
    const said = python(place, pip(), code, { env });
    expect(said).toContain(PATH);
    expect(said).toContain("cowsay==6.1");
    expect(readdirSync(at("evil"))).toEqual([]);
  });

  check("defect 18", () => {
    pip();
    put(place, "elsewhere");
    symlinkSync(pip(), at("elsewhere/my-python"));
    const code = "import cowsay, sys; print(sys.prefix)";
    expect(python(place, at("elsewhere/my-python"), code)).toBe(at("pip"));
  });

  check("defect 26", () => {
    expect(says(place, [join(sandbox(), "cat"), "/etc/kapseli-release"])).toBe("a sandbox");
  });

  check("defect 27", () => {
    pip();
    for (const program of [pip(), join(sandbox(), "cat")]) {
      const args = program === pip() ? ["-c", "print('runs')"] : ["/etc/kapseli-release"];
      typeWell(place, [program, ...args], { env: { TMPDIR: at("no-such-directory") } });
      const temporary = put(place, "some-tmp");
      typeWell(place, [program, ...args], { env: { TMPDIR: temporary } });
      expect(readdirSync(temporary)).toEqual([]);
    }
  });

  check("defect 28", () => {
    const line = ["-s", "exec", "-B", place.user.home, debian12(place.user), pip(), "-c", "print('ran')"];
    const ran = type(place, ["apptainer", ...line]);
    expect(ran.exitCode).toBe(1);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toMatch(/inside another container/);
    expect(ran.stderr).toContain(at("pip"));
    expect(ran.stderr.trim().split("\n")).toHaveLength(1);
  });

  check("defect 29", "a program of the host runs inside, as srun and sbatch have to", () => {
    const outside = says(place, ["/usr/bin/skopeo", "--version"]);
    const code = "import subprocess; subprocess.run(['/usr/bin/skopeo', '--version'], check=True)";
    expect(python(place, pip(), code)).toBe(outside);
    // srun from inside leaves these to the launchers that it starts outside.
    const env = {
      SINGULARITY_NAME: "left.sif",
      SINGULARITY_CONTAINER: "/left.sif",
      APPTAINER_BIND: "/nowhere",
    };
    expect(python(place, pip(), "print('runs')", { env })).toBe("runs");
  });

  check("defect 29", "the limits that remain, and what there is for GPUs and MPI, are documented", () => {
    const documentation = readdirSync(join(PROJECT, "docs"))
      .filter((name) => name.endsWith(".md") && name !== "compat.md")
      .map((name) => readFileSync(join(PROJECT, "docs", name), "utf8"))
      .join("\n");
    for (const subject of [/--nv\b/, /--rocm\b/, /\bMPI\b/, /Containers inside/i]) {
      expect(documentation).toMatch(subject);
    }
  });

  check("defect 30", () => {
    const soft = at("soft/tool");
    put(place, "soft/tool/share/text", "at its own path\n");
    put(place, "soft/tool/bin/hello", `#!/bin/sh\ncat "${soft}/share/text"\n`, 0o755);
    typeWell(place, "wrap-install --mask -w bin --prefix masked soft/tool");
    typeWell(place, ["rm", "-r", "soft/tool"]);
    typeWell(place, ["mv", "masked", "soft/tool"]);
    expect(says(place, [join(soft, "bin/hello")])).toBe("at its own path");
  });
});
