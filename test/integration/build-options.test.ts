import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Plan } from "../../src/plan/plan.ts";
import { executable } from "../support/programs.ts";
import {
  containersOf,
  enginesOf,
  inputFile,
  type Ran,
  runTool,
  type StubHost,
  stubHost,
} from "../support/stub-host.ts";

const STUB_IMAGE = "top bin\ntop usr\ntop etc\nglibc 2.31\n";

/** Runs with a site file whose defaults these are. */
async function site(host: StubHost, defaults: string): Promise<Record<string, string>> {
  return {
    CW_GLOBAL_YAML: await inputFile(host, "site.yaml", `defaults:\n  ${defaults.replaceAll("\n", "\n  ")}\n`),
  };
}

async function pip(host: StubHost, args: string[] = [], env: Record<string, string> = {}): Promise<Ran> {
  const file = await inputFile(host, "requirements.txt", "hello\n");
  return runTool(host, "pip-containerize", ["new", "--prefix", host.prefix, ...args, file], { env });
}

async function conda(host: StubHost, args: string[] = [], env: Record<string, string> = {}): Promise<Ran> {
  const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
  return runTool(host, "conda-containerize", ["new", "--prefix", host.prefix, ...args, file], { env });
}

/** The plan that `--dry-run --json` prints. */
async function planned(
  host: StubHost,
  tool: "wrap-install" | "wrap-container",
  args: string[],
): Promise<Plan> {
  const ran = await runTool(host, tool, ["--dry-run", "--json", "--prefix", host.prefix, ...args]);
  expect(ran.exitCode, ran.stderr).toBe(0);
  return (JSON.parse(ran.stdout) as { plan: Plan }).plan;
}

/** A directory of software with the same program in two places. */
async function software(host: StubHost): Promise<string> {
  const soft = join(host.directory, "soft");
  for (const name of ["a", "b"]) {
    await mkdir(join(soft, name), { recursive: true });
    await executable(join(soft, name, "run"), `#!/bin/sh\necho ${name}\n`);
  }
  return soft;
}

describe("-w", () => {
  it("that leads out of the environment is refused before anything is installed", async () => {
    const host = await stubHost({ programs: ["python3"] });
    const ran = await pip(host, ["-w", "bin,../x"]);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("-w ../x leads out of the environment");
    expect(containersOf(host)).toEqual([]);
    expect(existsSync(host.prefix)).toBe(false);
  });

  it("that is not there fails, and names each such item", async () => {
    const host = await stubHost({ programs: ["python3"] });
    const ran = await pip(host, ["-w", "one,two"]);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("-w one is not there inside the environment");
    expect(ran.stderr).toContain("-w two is not there either");
    expect(existsSync(host.prefix)).toBe(false);
  });

  it("that gives one name twice takes the later, and says so", async () => {
    const host = await stubHost();
    const soft = await software(host);
    const ran = await runTool(host, "wrap-install", ["-w", "a,b", "--mask", "--prefix", host.prefix, soft]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(ran.stderr).toContain("run is both a/run and b/run; the latter is what will be called");
    const view = await readFile(join(host.prefix, "current", "view", "bin", "run"), "utf8");
    expect(view).toContain(`${soft}/b/run`);
    expect((await readdir(join(host.prefix, "bin"))).sort()).toEqual(["_debug_exec", "_debug_shell", "run"]);
  });
});

describe("what cannot be called", () => {
  it("a file of -w that is not executable is a warning, as it was typed, and is not remembered", async () => {
    const host = await stubHost();
    const soft = await software(host);
    await writeFile(join(soft, "data"), "x\n");
    await mkdir(join(soft, "none"));
    const args = ["-w", "data,./none,a/run", "--prefix", host.prefix, soft];
    const ran = await runTool(host, "wrap-install", args);
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(ran.stderr).toContain("-w data is not executable and gets no command");
    expect(ran.stderr).toContain("-w ./none has nothing in it that can be called");
    expect(ran.stdout).toContain("1 command\n");
    const manifest = JSON.parse(await readFile(join(host.prefix, "current", "manifest.json"), "utf8"));
    expect(manifest.options.wrapperPaths).toEqual(["./none", "a/run"]);
    expect(await readFile(join(host.prefix, "share", "conf.yaml"), "utf8")).not.toMatch(/\bdata\b/);
  });

  it("a link that leads nowhere is left out with one warning, in an environment and in what -w names", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const post = await inputFile(
      host,
      "post.sh",
      `cd "$CW_BUILD_TMPDIR/tree/bin"
/bin/ln -s gone inside; /bin/ln -s /nowhere/gone outside; /bin/ln -s /etc directory; /bin/ln -s /bin/sh shell; /bin/ln -s ../tools/run run
mkdir ../tools; cp hello ../tools/run; /bin/ln -s gone ../tools/third\n`,
    );
    const ran = await conda(host, ["--post-install", post, "-w", "tools"]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    const warned =
      "links that lead to no program get no command: bin/directory, bin/inside, bin/outside, tools/third";
    expect(ran.stderr.split(warned)).toHaveLength(2);
    const names = await readdir(join(host.prefix, "bin"));
    expect(names).toEqual(expect.arrayContaining(["hello", "run", "shell"]));
    expect(names.filter((name) => /inside|outside|directory|third/.test(name))).toEqual([]);
  });
});

describe("a program with the name of one of our own commands", () => {
  const said = "(_debug_exec, _debug_shell) get no command: ";

  it("in what wrap-install's -w names is told by its path, and is none of the commands", async () => {
    const host = await stubHost();
    const soft = await software(host);
    await writeFile(join(soft, "a", "_debug_exec"), "#!/bin/sh\n", { mode: 0o755 });
    const ran = await runTool(host, "wrap-install", ["-w", "a", "--prefix", host.prefix, soft]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(ran.stderr).toContain(`${said}a/_debug_exec\n`);
    const manifest = JSON.parse(await readFile(join(host.prefix, "current", "manifest.json"), "utf8"));
    expect(manifest.commands).toEqual(["run"]);
    expect(manifest.wrapperLinks).toEqual([]);
  });

  it("in an environment's bin is told, too, where it is the environment's alone or also -w's", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const post = await inputFile(
      host,
      "post.sh",
      `cd "$CW_BUILD_TMPDIR/tree/bin" && cp hello _debug_shell && mkdir ../tools && cp hello ../tools/_debug_exec\n`,
    );
    const ran = await conda(host, ["--post-install", post, "-w", "tools,bin"]);
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect(ran.stderr).toContain(`${said}bin/_debug_shell, tools/_debug_exec\n`);
    const manifest = JSON.parse(await readFile(join(host.prefix, "current", "manifest.json"), "utf8"));
    expect(manifest.commands).toContain("hello");
    expect(manifest.commands.join()).not.toContain("_debug");
  });
});

describe("an --environ script that prints", () => {
  it("is in the way of no build, whatever it prints", async () => {
    const host = await stubHost({ programs: ["python3", "micromamba"] });
    const text = "echo Loading modules\necho hello\nexport MINE=1\nprintf 'without an end'\n";
    const environ = await inputFile(host, "environ.sh", text);
    const ran = await conda(host, ["--environ", environ]);
    expect(ran.exitCode, ran.stdout + ran.stderr).toBe(0);
    expect(ran.stdout).toContain("Python 3.11.2");
    expect(await readdir(join(host.prefix, "bin"))).toEqual(expect.arrayContaining(["hello", "python3"]));
  });
});

describe("the YAML of -y", () => {
  it("has its wrapper_paths added to, and its environ script replaced, by options", async () => {
    const host = await stubHost();
    const soft = await software(host);
    const other = await inputFile(host, "other.sh", "export OTHER=1\n");
    const mine = await inputFile(host, "mine.sh", "export MINE=1\n");
    const yaml = await inputFile(
      host,
      "y.yaml",
      `wrapper_paths: [a]\nextra_envs: [{file: ${other}}]\nisolate: yes\n`,
    );
    const plan = await planned(host, "wrap-install", ["-y", yaml, "-w", "b", "--environ", mine, soft]);
    expect(plan.options).toMatchObject({
      wrapperPaths: ["a", "b"],
      environ: "export MINE=1\n",
      isolated: true,
    });
  });

  it("goes before what the command line means by itself", async () => {
    const host = await stubHost();
    await software(host);
    const prefix = join(host.directory, "another");
    const yaml = await inputFile(
      host,
      "y.yaml",
      `installation_prefix: ${prefix}\nmask_wrap_install: no\nwrapper_paths: [a]\n`,
    );
    const plan = await planned(host, "wrap-install", [
      "-y",
      yaml,
      "--mask",
      "-w",
      "b",
      join(host.directory, "soft"),
    ]);
    expect(plan.placement.prefix).toBe(prefix);
    expect(plan.location.mount).not.toBe(join(host.directory, "soft"));
  });

  it("has keys that nobody knows warned of, with the line", async () => {
    const host = await stubHost();
    const soft = await software(host);
    const yaml = await inputFile(host, "y.yaml", "isolat: yes\nmy_key: 1\n");
    const ran = await runTool(host, "wrap-install", ["--dry-run", "-y", yaml, "-w", "a", soft]);
    expect(ran).toMatchObject({
      exitCode: 0,
      stderr:
        `[ WARNING ] ${yaml}:1: unknown key \`isolat\`: did you mean isolate? (hook scripts see it)\n` +
        `[ WARNING ] ${yaml}:2: unknown key \`my_key\` (hook scripts see it)\n`,
    });
  });

  it("may open a wrapped container to the host", async () => {
    const host = await stubHost();
    const sif = await inputFile(host, "base.sif", "SIF");
    const yaml = await inputFile(host, "y.yaml", "isolate: no\n");
    expect((await planned(host, "wrap-container", ["-w", "/usr/bin", sif])).options.isolated).toBe(true);
    expect(
      (await planned(host, "wrap-container", ["-w", "/usr/bin", "-y", yaml, sif])).options.isolated,
    ).toBe(false);
  });
});

describe("advanced", () => {
  const advanced = async (host: StubHost, text: string, ...more: string[]) =>
    runTool(host, "pip-containerize", ["advanced", ...more, await inputFile(host, "a.yaml", text)]);

  it("makes what its file says", async () => {
    const host = await stubHost({ programs: ["python3"] });
    await inputFile(host, "requirements.txt", "hello\n");
    const ran = await advanced(
      host,
      `mode: venv\nrequirements_file: requirements.txt\ninstallation_prefix: ${host.prefix}\npost_install:\n  - echo "from a line"\n`,
    );
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toContain("from a line");
    expect(await readdir(join(host.prefix, "bin"))).toContain("hello");
  });

  it.each([
    ["an unknown key", "mode: venv\nrequirements_file: r.txt\nrequirments: x\n", "requirments"],
    ["a missing key", "mode: venv\n", "requirements_file"],
    ["no mode", "requirements_file: r.txt\n", "mode is missing"],
    ["the other tool's mode", "mode: conda\nenv_file: e.yml\n", "conda-containerize"],
    ["a wrong type", "mode: venv\nrequirements_file: r.txt\nmax_num_cpus: many\n", "max_num_cpus"],
  ])("with %s is refused by its name, and touches nothing", async (_what, text, name) => {
    const host = await stubHost({ programs: ["python3"] });
    const ran = await advanced(host, text);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain(name);
    expect(await readdir(host.work)).toEqual([]);
  });
});

describe("keys of the configuration", () => {
  it("--nocache reaches pip", async () => {
    const host = await stubHost({ programs: ["python3"] });
    expect((await pip(host, ["--nocache"])).exitCode).toBe(0);
    const [install] = containersOf(host).filter(({ argv }) => argv.includes("install"));
    expect(install?.environment).toMatchObject({ PIP_NO_CACHE_DIR: "1", UV_NO_CACHE: "1" });
  });

  it("create_wrappers: no makes an image without commands", async () => {
    const host = await stubHost({ programs: ["python3"] });
    expect(await pip(host, [], await site(host, "create_wrappers: no"))).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    expect(existsSync(join(host.prefix, "img.sqfs"))).toBe(true);
    expect(existsSync(join(host.prefix, "bin", "python3"))).toBe(false);
  });

  it("container_image and sqfs_image name the links", async () => {
    const host = await stubHost({ programs: ["micromamba"], stubs: { STUB_IMAGE } });
    const sif = await inputFile(host, "base.sif", "SIF");
    const env = await site(host, `container_src: ${sif}\ncontainer_image: c.sif\nsqfs_image: i.sqfs`);
    expect(await conda(host, [], env)).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await readdir(host.prefix)).sort()).toEqual([
      "bin",
      "c.sif",
      "current",
      "generations",
      "i.sqfs",
      "share",
    ]);
    expect(await readFile(join(host.prefix, "c.sif"), "utf8")).toBe("SIF");
  });

  it("share_container links to the file itself, also after an update", async () => {
    const host = await stubHost({ programs: ["micromamba"], stubs: { STUB_IMAGE } });
    const sif = await inputFile(host, "base.sif", "SIF");
    const env = await site(host, `container_src: ${sif}\nshare_container: yes`);
    expect(await conda(host, [], env)).toMatchObject({ exitCode: 0, stderr: "" });
    const link = join(host.prefix, "container.sif");
    expect(await readlink(link)).toBe(sif);
    expect(existsSync(join(host.prefix, "current", "base.sif"))).toBe(false);
    const updated = await runTool(host, "conda-containerize", ["update", host.prefix]);
    expect(updated).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await readlink(link)).toBe(sif);
  });

  it("singularity_executable_path as a bare name is looked up at each start", async () => {
    const host = await stubHost({ programs: ["python3"] });
    expect((await pip(host, [], await site(host, "singularity_executable_path: apptainer"))).exitCode).toBe(
      0,
    );
    const launcher = await readFile(join(host.prefix, "current", "launcher.sh"), "latin1");
    expect(launcher).toContain("__k_runtime='apptainer'\n");
  });

  it("installation_file_paths are there for scripts, kept with the inputs, and not in the image", async () => {
    const host = await stubHost({ programs: ["python3"] });
    const extra = await inputFile(host, "extra.txt", "text of extra");
    const script = await inputFile(host, "post.sh", 'cat "$CW_BUILD_TMPDIR/tree/extra.txt"\n');
    const env = await site(host, `installation_file_paths: [${extra}]`);
    const ran = await pip(host, ["--pre-install", script, "--post-install", script, "-w", "extra.txt"], env);
    expect(ran.stdout.split("text of extra")).toHaveLength(3);
    // It is no program of the environment's: it was taken away before those are looked for.
    expect(ran.stderr).toContain("extra.txt is not there inside the environment");
    expect((await pip(host, [], env)).exitCode).toBe(0);
    expect((await readdir(join(host.prefix, "share", "previous_input", "0"))).sort()).toEqual([
      "extra.txt",
      "requirements.txt",
    ]);
  });

  it("the user's package cache is the installer's with CW_ENABLE_CONDARC alone", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    await writeFile(join(host.home, ".condarc"), "pkgs_dirs: [~/my-pkgs]\n");
    const own = join(host.home, "my-pkgs");
    expect((await conda(host)).exitCode).toBe(0);
    expect(existsSync(own)).toBe(false);
    expect((await conda(host, [], { CW_ENABLE_CONDARC: "1" })).exitCode).toBe(0);
    expect(enginesOf(host).map(({ pkgs }) => pkgs)).toEqual([
      join(host.directory, "cache", "micromamba-root", "pkgs"),
      own,
    ]);
  });

  it("mamba goes before the others on PATH when it is asked for", async () => {
    const host = await stubHost({ programs: ["micromamba", "mamba", "conda"] });
    expect((await conda(host, ["--mamba"])).exitCode).toBe(0);
    expect(enginesOf(host).map(({ program }) => program)).toEqual(["mamba"]);
  });
});

describe("another installation on PATH", () => {
  it("stops what is new and is a warning for an update", async () => {
    const host = await stubHost({ programs: ["python3"] });
    expect((await pip(host)).exitCode).toBe(0);
    const other = join(host.directory, "other");
    for (const name of ["bin", "_bin"]) await mkdir(join(other, name), { recursive: true });
    await writeFile(join(other, "common.sh"), "");
    const env = { PATH: `${join(other, "bin")}:${host.env.PATH}` };
    const refused = await pip(host, [], env);
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain(`[ ERROR ] Remove [${join(other, "bin")}] from PATH`);
    const updated = await runTool(host, "pip-containerize", ["update", host.prefix], { env });
    expect(updated.exitCode).toBe(0);
    expect(updated.stderr).toContain(`[ WARNING ] Remove [${join(other, "bin")}] from PATH`);
  });
});

describe("words after the prefix of kapseli run", () => {
  it("are the command's: its --json does not change how an error is told", async () => {
    const host = await stubHost();
    const ran = await runTool(host, "kapseli", ["run", host.work, "--", "program", "--json", "--debug"]);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain(`[ ERROR ] ${host.work} is not an environment`);
    expect(ran.stdout).not.toContain("{");
    expect(ran.stderr).not.toMatch(/^\s+at /m);
  });
});
