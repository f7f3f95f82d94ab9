import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build, environmentAt, type LauncherEnvironment, mountBy } from "../support/launcher-environment.ts";
import { report } from "../support/launcher-report.ts";
import { ordinary, remove, runAs, scratch } from "../support/real.ts";

/** A small package without dependencies, from the package index. */
const PACKAGE = "iniconfig==2.0.0";
const IMPORT =
  "import iniconfig, sys; print(sys.executable, sys.prefix, sys.base_prefix, iniconfig.__file__)";

/** Maker, the argv that makes DIRECTORY and the one that installs into it; TOOLS is a venv with virtualenv and uv. */
const MAKERS: [string, (python: string, tools: string, venv: string) => [string, ...string[]][]][] = [
  [
    "python -m venv",
    (python, _, venv) => [
      [python, "-m", "venv", venv],
      [join(venv, "bin/pip"), "install", "-q", PACKAGE],
    ],
  ],
  [
    "virtualenv",
    (python, tools, venv) => [
      [join(tools, "bin/virtualenv"), "-q", "-p", python, venv],
      [join(venv, "bin/python"), "-m", "pip", "install", "-q", PACKAGE],
    ],
  ],
  [
    "uv venv",
    (python, tools, venv) => [
      [join(tools, "bin/uv"), "venv", "-q", "--python", python, venv],
      [join(tools, "bin/uv"), "pip", "install", "-q", "--python", join(venv, "bin/python"), PACKAGE],
    ],
  ],
];

describe("venvs on top of an environment", () => {
  const user = ordinary();
  let directory = "";
  let environment: LauncherEnvironment;
  const venv = (maker: string) => join(directory, maker.replaceAll(" ", "-"));
  const must = (call: [string, ...string[]]) => {
    const ran = runAs(user, call, { cwd: directory });
    if (ran.exitCode !== 0) throw new Error(`${call.join(" ")}: ${ran.stdout}${ran.stderr}`);
    return ran;
  };
  const imported = (maker: string) => {
    const python = join(venv(maker), "bin/python");
    return [
      must([python, "-c", IMPORT]).stdout,
      `${python} ${venv(maker)} ${environment.root} ${venv(maker)}/`,
    ];
  };

  beforeAll(() => {
    directory = scratch(user);
    environment = build(user, join(directory, "env"), ["pip", "kapseli-activate"]);
    const tools = join(directory, "tools");
    must([environment.python, "-m", "venv", tools]);
    must([join(tools, "bin/pip"), "install", "-q", "virtualenv==20.29.3", "uv==0.6.10"]);
  });
  afterAll(() => remove(directory));

  it.each(MAKERS)("%s makes one; its own package is installed and imported", (maker, calls) => {
    for (const call of calls(environment.python, join(directory, "tools"), venv(maker))) must(call);
    const [seen, expected] = imported(maker) as [string, string];
    expect(seen.startsWith(expected)).toBe(true);
  });

  it.each(MAKERS)("%s: its python comes first on PATH inside, without conda's activation", (maker) => {
    const bin = join(venv(maker), "bin");
    const seen = report(user, join(bin, "python"));
    expect(seen.environment.PATH?.split(":").slice(0, 2)).toEqual([bin, environment.bin]);
    expect(seen.environment).not.toHaveProperty("ACTIVATED_PLAIN");
    const forced = report(user, join(bin, "python"), [], { env: { CW_FORCE_CONDA_ACTIVATE: "1" } });
    expect(forced.environment).toMatchObject({ ACTIVATED_PLAIN: "plain" });
    expect(forced.environment.PATH?.split(":")[0]).toBe(bin);
  });

  it.each(MAKERS)("%s: activated in a shell, called relative, and by subprocesses it is itself", (maker) => {
    const source =
      "import subprocess, sys; print(sys.prefix); sys.stdout.flush(); " +
      "subprocess.run([sys.executable, '-c', 'import sys; print(sys.prefix)']); " +
      "subprocess.run(['python', '-c', 'import sys; print(sys.prefix)'])";
    const line = '. "$0/bin/activate" && python -c "$1" && cd "$0/bin" && ./python -c "$1"';
    const ran = must(["sh", "-c", line, venv(maker), source]);
    expect(ran.stdout).toBe(`${venv(maker)}\n`.repeat(6));
  });

  it("a venv in a directory that is not visible inside but for /dev says so instead of running another python", () => {
    must([
      "sh",
      "-ec",
      `mkdir -p /var/tmp/kapseli-venv-${user.name}/bin && cd /var/tmp/kapseli-venv-${user.name} && touch pyvenv.cfg && ln -sf "$0" bin/python`,
      environment.python,
    ]);
    const launcher = join(environment.root, "current/launcher.sh");
    must(["sh", "-ec", `cp "$0" kept && sed -i "s|^__k_hidden='|&/var|" "$0"`, launcher]);
    const ran = runAs(user, [`/var/tmp/kapseli-venv-${user.name}/bin/python`, "-V"]);
    must(["sh", "-ec", `cp kept "$0" && rm -r /var/tmp/kapseli-venv-${user.name}`, launcher]);
    expect(ran.stderr).toMatch(
      /^kapseli: python: the virtual environment of \S+ is not visible inside .*SINGULARITY_BIND\n$/,
    );
    expect(ran.exitCode).toBe(1);
  });

  it("a rebuilt environment (a new generation) keeps them working", () => {
    build(user, environment.root, ["pip", "kapseli-activate", "click"]);
    const current = must(["readlink", join(environment.root, "current")]).stdout;
    expect(current).toBe("generations/2\n");
    for (const [maker] of MAKERS) {
      const [seen, expected] = imported(maker) as [string, string];
      expect(seen.startsWith(expected)).toBe(true);
    }
    expect(must([join(directory, "tools/bin/virtualenv"), "--version"]).stdout).toContain(
      "virtualenv 20.29.3",
    );
  });

  it("they work when the image is mounted by fusemount", () => {
    mountBy(environment.root, "fusemount");
    for (const [maker] of MAKERS) {
      const [seen, expected] = imported(maker) as [string, string];
      expect(seen.startsWith(expected)).toBe(true);
    }
  });

  it("they work when the environment was copied away and the copy is called too", () => {
    must(["cp", "-a", environment.root, join(directory, "copy")]);
    const seen = report(user, environmentAt(join(directory, "copy")).python);
    expect(seen.prefix).toBe(environment.root);
    const [venvs, expected] = imported("python -m venv") as [string, string];
    expect(venvs.startsWith(expected)).toBe(true);
  });
});
