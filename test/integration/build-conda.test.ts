import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Manifest } from "../../src/prefix/manifest.ts";
import { firstLine, gone } from "../support/programs.ts";
import {
  containersOf,
  enginesOf,
  inputFile,
  runTool,
  type StubHost,
  type StubProgram,
  stubHost,
} from "../support/stub-host.ts";

const ENV_YML = "channels: [conda-forge]\ndependencies:\n  - hello\nvariables:\n  A: $(touch pwned)\n";
const build = (host: StubHost, file: string, ...more: string[]) =>
  runTool(host, "conda-containerize", ["new", "--prefix", host.prefix, ...more, file]);

describe.each<StubProgram>(["micromamba", "mamba", "conda"])("an environment made with %s", (engine) => {
  it("is published with launchers, its file and what was recorded, and nothing else is left", async () => {
    const host = await stubHost({ programs: [engine] });
    const file = await inputFile(host, "env.yml", ENV_YML);
    const built = await build(host, file);
    expect(built).toMatchObject({ exitCode: 0, stderr: "" });
    expect(built.stdout).toContain("[ INFO ] Done, duration: ");
    expect((await readdir(host.prefix)).sort()).toEqual([
      "bin",
      "current",
      "generations",
      "img.sqfs",
      "share",
    ]);
    expect((await readdir(join(host.prefix, "bin"))).sort()).toEqual([
      "_debug_exec",
      "_debug_shell",
      "hello",
      "list-packages",
      "python3",
    ]);
    const generation = join(host.prefix, await readlink(join(host.prefix, "current")));
    const manifest = Manifest.parse(JSON.parse(await readFile(join(generation, "manifest.json"), "utf8")));
    expect(manifest).toMatchObject({
      generation: 1,
      engine: { name: engine, why: "found on PATH" },
      packages: [{ name: "hello", version: "1.0", source: "conda" }],
      commands: ["hello", "list-packages", "python3"],
    });
    expect(manifest.environment).toContainEqual({ name: "A", change: "set", value: "$(touch pwned)" });
    expect(manifest.environment).toContainEqual({ name: "FROM_STATE", change: "set", value: "yes" });
    expect(await readFile(join(generation, "inputs", "0", "env.yml"), "utf8")).toBe(ENV_YML);
    expect(await readdir(host.work)).toEqual([]);
    const stubs = await Promise.all(
      ["hello", "python3"].map((name) => lstat(join(host.prefix, "bin", name))),
    );
    expect(new Set(stubs.map(({ ino }) => ino)).size).toBe(1);
  });

  it("is asked for with its own words, over a copy of the file, away from the user's caches", async () => {
    const host = await stubHost({ programs: [engine] });
    const file = await inputFile(host, "env.yml", ENV_YML);
    await runTool(host, "conda-containerize", ["new", "--prefix", host.prefix, file], {
      env: { CONDA_PREFIX: "/some/active/environment" },
    });
    const [call, ...more] = enginesOf(host);
    expect(more).toEqual([]);
    expect(call).toMatchObject({ program: engine, conda_prefix: "", cwd: join(host.directory, "project") });
    expect(call?.argv).toMatch(
      engine === "micromamba"
        ? /^create -y --root-prefix \S+ -p \S+\/tree -f \S+\/inputs\/environment\.yml$/
        : /^env create -y -p \S+\/tree -f \S+\/inputs\/environment\.yml$/,
    );
    expect(call?.pkgs).toBe(join(host.directory, "cache", "micromamba-root", "pkgs"));
    expect(await readdir(join(host.directory, "project"))).toEqual(["env.yml"]);
  });

  it("that a package is missing for ends with the engine's own explanation", async () => {
    const host = await stubHost({ programs: [engine] });
    const file = await inputFile(host, "env.yml", "dependencies: [nosuchpackage]\n");
    const { exitCode, stderr } = await build(host, file);
    expect(exitCode).toBe(5);
    expect(stderr).toContain("[ ERROR ] a package was not found in the channels\n");
    expect(stderr).toContain("| error    libmamba Could not solve for environment specs\n");
    expect(stderr).toContain("nosuchpackage =* * does not exist");
    expect(stderr).toMatch(/What to do: .*\n {10}Full log: /);
  });
});

describe("the engine", () => {
  it.each<[string, StubProgram[], string[], string]>([
    ["micromamba before the others", ["conda", "mamba", "micromamba"], [], "micromamba"],
    ["mamba before conda", ["conda", "mamba"], [], "mamba"],
    ["the one asked for", ["conda", "micromamba"], ["--engine", "conda"], "conda"],
  ])("is %s", async (_what, programs, flags, engine) => {
    const host = await stubHost({ programs });
    const file = await inputFile(host, "env.yml", ENV_YML);
    expect((await build(host, file, ...flags)).exitCode).toBe(0);
    expect(enginesOf(host).map(({ program }) => program)).toEqual([engine]);
  });
});

describe("what an engine says that it will download", () => {
  it("is refused before it comes where it cannot fit, and the engine is ended", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const built = await build(host, await inputFile(host, "env.yml", "dependencies: [huge-packages]\n"));
    expect(built.exitCode, built.stderr).toBe(5);
    expect(built.stderr).toMatch(
      /there is not enough space for the packages\n.*the packages, 900000000 MB to download, need at least \d+ MB; \/\S* has \d+ MB free/,
    );
    expect(built.stderr).toContain("--tmpdir");
    expect(await readdir(host.work)).toEqual([]);
    await gone(Number(await firstLine(host.pid)));
  });

  it("comes where it fits", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    expect(
      (await build(host, await inputFile(host, "env.yml", "dependencies: [small-packages]\n"))).exitCode,
    ).toBe(0);
  });
});

describe("the containers of a build", () => {
  it("are a trial, the installation, compiling and two activations in any order, and a check; the next build needs no trial", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    const file = await inputFile(host, "env.yml", ENV_YML);
    expect((await build(host, file)).exitCode).toBe(0);
    const first = containersOf(host).length;
    expect((await build(host, file)).exitCode).toBe(0);
    const what = containersOf(host).map(({ argv }) => {
      const kinds = ["create", "compileall", "capture", "sys.executable", "/probe"];
      return kinds.find((kind) => argv.some((word) => word.includes(kind)));
    });
    expect(what.slice(0, 3)).toEqual(["/probe", "/probe", "create"]);
    expect(what.slice(3, 6).sort()).toEqual(["capture", "capture", "compileall"]);
    expect(what.slice(6, first)).toEqual(["sys.executable"]);
    expect(what.slice(first)).toHaveLength(first - 2);
    expect(what.slice(first)).not.toContain("/probe");
  });

  it("all have evaluation off, and the launchers' the image at the prefix, last", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    await build(host, await inputFile(host, "env.yml", ENV_YML));
    for (const { argv } of containersOf(host)) expect(argv).toContain("--no-eval");
    const last = containersOf(host).at(-1)?.argv ?? [];
    const mount = last.lastIndexOf("--mount");
    // Tried in a prefix in the work directory that links to the new generation.
    expect(last[mount + 1]).toMatch(/^type=bind,"src=\S+\/stage\/generations\/1\/env.sqfs","dst=/);
    expect(last[mount + 1]?.endsWith(`"dst=${host.prefix}",image-src=/,ro`)).toBe(true);
    expect(last[mount + 2]).toMatch(/\/stage\/generations\/1\/root$/);
  });
});

describe("a second build on a prefix", () => {
  it("is its next generation, and unlinks names that are gone", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    await build(host, await inputFile(host, "env.yml", ENV_YML));
    const { stdout, exitCode } = await build(
      host,
      await inputFile(host, "env.yml", "dependencies: [no-python]\n"),
    );
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`${host.prefix} is an environment already: this makes its generation 2`);
    expect(await readlink(join(host.prefix, "current"))).toBe("generations/2");
    expect((await readdir(join(host.prefix, "generations"))).sort()).toEqual(["1", "2"]);
    expect(await readdir(join(host.prefix, "bin"))).not.toContain("python3");
  });
});

describe("a prefix that holds other files", () => {
  it("keeps them, the environment going to env and bin being linked there", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    await inputFile(host, "env.yml", ENV_YML);
    const project = join(host.directory, "project");
    const built = await runTool(host, "conda-containerize", ["new", "env.yml"]);
    expect(built.exitCode).toBe(0);
    expect(built.stdout).toContain(`${project} holds other files`);
    expect((await readdir(project)).sort()).toEqual(["bin", "env", "env.yml"]);
    expect(await readlink(join(project, "bin"))).toBe("env/bin");
  });
});

describe("the user's umask", () => {
  it.each([
    ["007", "770", "660", ""],
    ["022", "755", "644", ""],
    ["027", "750", "640", "[ WARNING ] the umask is 0027: you and the group can use what is built"],
    ["077", "700", "600", "[ WARNING ] the umask is 0077: you alone can use what is built"],
  ])(
    "%s decides who may read what is published; a rare one is said",
    async (umask, directory, file, warning) => {
      const host = await stubHost({ programs: ["micromamba"] });
      const args = ["new", "--prefix", host.prefix, await inputFile(host, "env.yml", ENV_YML)];
      const ran = await runTool(host, "conda-containerize", args, { umask });
      expect(ran.exitCode).toBe(0);
      expect(ran.stderr.split(" (")[0]).toBe(warning);
      const mode = async (...path: string[]) =>
        ((await stat(join(host.prefix, ...path))).mode & 0o777).toString(8);
      expect(await mode("generations", "1")).toBe(directory);
      expect(await mode("generations", "1", "env.sqfs")).toBe(file);
      expect(await mode("generations", "1", "manifest.json")).toBe(file);
      expect(await mode("generations", "1", "build.log")).toBe(file);
    },
  );
});

describe("activation", () => {
  const PLAIN = "dependencies: [hello]\n";
  const NO_VARIABLES = '/bin/rm -f "$CW_BUILD_TMPDIR/tree/conda-meta/state"\n';
  const SCRIPTS = 'd="$CW_BUILD_TMPDIR/tree/etc/conda/activate.d"; mkdir -p "$d"';

  /** What is recorded, with the prefix, which the stub has in the work directory, as `PREFIX`; how often activation was run. */
  async function activated(text: string, post: string): Promise<{ recorded: unknown; runs: number }> {
    const host = await stubHost({ programs: ["micromamba"] });
    const script = await inputFile(host, "post.sh", post);
    const ran = await build(host, await inputFile(host, "env.yml", text), "--post-install", script);
    expect(ran.exitCode, ran.stderr).toBe(0);
    const manifest = await readFile(join(host.prefix, "current", "manifest.json"), "utf8");
    const { environment } = Manifest.parse(JSON.parse(manifest));
    return {
      recorded: environment.map((one) =>
        "value" in one && /^(?:\/[^:]*)?\/(?:cw-\w{6}\/tree|prefix)$/.test(one.value)
          ? { ...one, value: "PREFIX" }
          : one,
      ),
      runs: containersOf(host).filter(({ argv }) => argv.includes("capture")).length,
    };
  }

  it("is not run where there is nothing to run, and is recorded as if it had been", async () => {
    const without = await activated(PLAIN, NO_VARIABLES);
    expect(without.runs).toBe(0);
    const idle = await activated(PLAIN, `${NO_VARIABLES}${SCRIPTS}; echo : >"$d/x.sh"\n`);
    expect(idle.runs).toBe(2);
    expect(without.recorded).toEqual(idle.recorded);
    expect(without.recorded).toContainEqual({ name: "CONDA_PREFIX", change: "set", value: "PREFIX" });
  });

  it.each([
    ["a variable of the file", `${PLAIN}variables: {A: b}\n`, NO_VARIABLES],
    [
      "a variable of a package",
      PLAIN,
      `${NO_VARIABLES}echo '{"env_vars": {"A": "b"}}' >"$CW_BUILD_TMPDIR/tree/conda-meta/state"\n`,
    ],
    ["a script", PLAIN, `${NO_VARIABLES}${SCRIPTS}; echo 'export A=b' >"$d/x.sh"\n`],
    ["a link to scripts", PLAIN, `${NO_VARIABLES}${SCRIPTS}; /bin/rmdir "$d"; /bin/ln -s /somewhere "$d"\n`],
  ])("is run for %s", async (_what, text, post) => {
    expect((await activated(text, post)).runs).toBe(2);
  });
});
