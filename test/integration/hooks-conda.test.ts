import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { HookSetting } from "../../src/build/hooks.ts";
import { userPackageCaches } from "../../src/build/package-caches.ts";
import { ExitCode } from "../../src/errors.ts";
import { fillEnvironment, hookPlace, outputOf, runHooks, script, stubConda } from "../support/hooks.ts";

/** Runs scripts with conda, its engine a stand-in, in an environment with the package `first`. */
async function condaHooks(
  post: string,
  over: Partial<HookSetting> = {},
  environment: Record<string, string> = {},
) {
  const { conda, calls } = await stubConda();
  const place = await hookPlace({ post: [script(post)], activation: "conda", conda, ...over }, environment);
  await fillEnvironment(place.root);
  const ran = await runHooks(place);
  return { ...ran, place, conda, calls };
}

describe("the user's own package cache", () => {
  it("is taken with CW_ENABLE_CONDARC alone", async () => {
    const { context, directory } = await hookPlace();
    await writeFile(join(directory, ".condarc"), "pkgs_dirs: [~/my-pkgs]\n");
    const facts = { ...context.facts, home: directory };
    expect(await userPackageCaches(facts)).toEqual([]);
    const environment = { ...facts.environment, CW_ENABLE_CONDARC: "" };
    expect(await userPackageCaches({ ...facts, environment })).toEqual([join(directory, "my-pkgs")]);
  });
});

describe("conda in a hook", () => {
  it("install reaches the engine with the environment's path, the channels and the versions as written", async () => {
    const { calls, lines, error, place, conda } = await condaHooks(
      "conda install -y -q -c mine -c 'https://u:pw@host/c' second 'third>=1,<2'\n",
    );
    expect(error).toBeUndefined();
    const cache = `${conda.cache}/micromamba-root`;
    expect((await calls()).split("\n").slice(0, 2)).toEqual([
      `install -y --root-prefix ${cache} -p ${place.root} --override-channels -c mine -c https://u:pw@host/c -c conda-forge second third>=1,<2`,
      `pkgs ${cache}/pkgs`,
    ]);
    expect(lines).toEqual(["  + second 1.0 0", "  + third>=1,<2 1.0 0"]);
  });

  it("leaves no credentials in what the engine recorded", async () => {
    const { place } = await condaHooks("mamba install -n env1 second");
    const record = await readFile(join(place.root, "conda-meta", "second-1.0-0.json"), "utf8");
    expect(record).toContain("https://host/chan");
    expect(record).not.toContain("secret");
  });

  it("takes specifications from a file, which may be a pipe", async () => {
    const { calls, error } = await condaHooks(
      "printf '# comment\\nsecond\\n' >list.txt; conda install --file list.txt --file <(echo third) -y\n",
    );
    expect(error).toBeUndefined();
    expect(await calls()).toMatch(/-c conda-forge second third$/m);
  });

  it("works from a child process, in parallel, and from another directory", async () => {
    const { lines, error } = await condaHooks(
      "mkdir -p 'a b'; cd 'a b'\nprintf '#!/bin/sh\\nconda install -y $1\\n' >x; sh x second & one=$!; sh x third & wait $one $!\n" +
        "conda list -e | grep -v '^#'\n",
    );
    expect(error).toBeUndefined();
    expect(lines.slice(-3)).toEqual(["first=2.5=py_0", "second=1.0=0", "third=1.0=0"]);
  });

  it("a failed install fails the hook, with the engine's reason", async () => {
    const { error } = await condaHooks("echo a\nconda install -y bad\n");
    expect(error?.code).toBe(ExitCode.installFailed);
    expect(error?.message).toBe(
      "the post-install script /home/u/post.sh failed at line 2: `conda install -y bad` ended with status 1",
    );
    expect(error?.details.lines?.join("\n")).toContain(
      "conda install: [ ERROR ] the packages asked for cannot be installed together",
    );
  });

  it("remove says what it removed", async () => {
    const { lines } = await condaHooks("conda install -y second >/dev/null; conda remove -y second\n");
    expect(lines).toEqual(["  - second 1.0 0"]);
  });

  it("list shows the environment's packages and pip's, and filters by a regular expression", async () => {
    const place = await hookPlace({
      post: [script("conda list\nconda list '^pip' --json\nconda list --explicit --md5 | tail -1\n")],
      activation: "conda",
      conda: (await stubConda()).conda,
    });
    await fillEnvironment(place.root);
    const info = join(place.root, "lib", "python3.11", "site-packages", "pipped-3.dist-info");
    await mkdir(info, { recursive: true });
    await writeFile(join(info, "METADATA"), "Name: pipped\nVersion: 3\n\n");
    await writeFile(join(info, "INSTALLER"), "pip\n");
    const { lines } = await runHooks(place);
    expect(lines.slice(0, 5)).toEqual([
      `# packages in environment at ${place.root}:`,
      "#",
      "# Name                    Version                   Build  Channel",
      "first                     2.5                        py_0  conda-forge",
      "pipped                    3                        pypi_0  pypi",
    ]);
    expect(lines.at(-1)).toBe("https://host/conda-forge/noarch/first-2.5-py_0.conda#0123");
    expect(JSON.parse(lines.slice(5, -1).join("\n"))).toMatchObject([{ name: "pipped", channel: "pypi" }]);
  });

  it("env export and env list describe the environment", async () => {
    const { lines, place } = await condaHooks(
      "conda env export --no-builds\nconda env export --from-history -f out.yml; cat out.yml\nconda env list\n",
    );
    expect(lines.slice(0, 7)).toEqual([
      "name: env1",
      "channels:",
      "  - conda-forge",
      "dependencies:",
      "  - first=2.5",
      "variables:",
      "  OWN: a 'b' $c",
    ]);
    expect(lines).toContain("  - first>=2");
    expect(lines).toContain(`env1                  * ${place.root}`);
  });

  it("config is kept for what follows in the build and never in the user's own file", async () => {
    const { calls, lines, place } = await condaHooks(
      "conda config --add channels bioconda\nconda config --append channels last\nconda config --set channel_priority strict\n" +
        "conda config --show channels\nconda config --get channels\nconda install -y second >/dev/null\nls -A $HOME\n",
    );
    expect(lines.slice(0, 7)).toEqual([
      "channels:",
      "  - bioconda",
      "  - conda-forge",
      "  - last",
      "--add channels 'last'   # lowest priority",
      "--add channels 'conda-forge'",
      "--add channels 'bioconda'   # highest priority",
    ]);
    expect(lines).not.toContain(".condarc");
    expect(await calls()).toContain("-c bioconda -c conda-forge -c last --strict-channel-priority second");
    expect(place.events).toContainEqual({
      event: "command",
      argv: ["conda", "config", "--add", "channels", "bioconda"],
    });
  });

  it("config in a pre-install script shows our package cache, and another where one is given", async () => {
    const { conda } = await stubConda();
    const ours = await runHooks(await hookPlace({ pre: [script("conda config --show pkgs_dirs")], conda }));
    expect(ours.lines).toEqual(["pkgs_dirs:", `  - ${conda.cache}/micromamba-root/pkgs`]);
    const given = { ...conda, packageCaches: ["/scratch/me/pkgs"] };
    const theirs = await runHooks(
      await hookPlace({ pre: [script("conda config --show pkgs_dirs")], conda: given }),
    );
    expect(theirs.lines).toEqual(["pkgs_dirs:", "  - /scratch/me/pkgs"]);
  });

  it("run starts a program in the environment, also before it is active", async () => {
    const { lines } = await condaHooks(
      "conda run -n env1 --no-capture-output sh -c 'echo \"$1|$ACTIVATED\"; tool' x 'a  b'\n" +
        "conda deactivate; echo \"[$CONDA_PREFIX]\"\nconda run --cwd / -n env1 sh -c 'pwd; tool; exit 4' || echo $?\n",
    );
    expect(lines[0]).toMatch(/^a {2}b\|from /);
    expect(lines.slice(1)).toEqual(["the environment has it", "[]", "/", "the environment has it", "4"]);
  });

  it("activate and deactivate work as in a login shell, by name, path and Tykky's path", async () => {
    const { lines, error, place } = await condaHooks(
      'source "$(conda info --base)/etc/profile.d/conda.sh"\neval "$(conda shell.bash hook)"\nconda deactivate\n' +
        "conda activate env1; echo $CONDA_DEFAULT_ENV\nconda deactivate; source activate env1; tool\n" +
        'conda deactivate; conda activate "$CW_INSTALLATION_PATH/miniforge/envs/env1"; echo $CONDA_PREFIX\n',
    );
    expect(error).toBeUndefined();
    expect(lines).toEqual(["env1", "the environment has it", place.root]);
  });

  it.each([
    ["conda build .", "conda build: not possible in a hook: "],
    ["mamba create -n other python", "mamba create: not possible in a hook: "],
    ["conda install -n base conda-build", "conda install -n base: not possible in a hook: there is no base"],
    ["conda install --revision 2", "conda install --revision: not possible in a hook: "],
    ["conda env create -f x.yml", "conda env create: not possible in a hook: "],
    ["conda config --set ssl_verify no", "conda config --set ssl_verify: not possible in a hook: "],
    ["conda activate other", "conda activate other: not possible in a hook: "],
  ])("%s is an error that names the command", async (line, said) => {
    const { lines, error } = await condaHooks(`${line}\n`);
    expect(lines.join("\n")).toContain(said);
    expect(error?.message).toContain(`\`${line}\` ended with status 1`);
  });

  it("a pre-install script of an update can activate and change the environment that is there", async () => {
    const { conda, calls } = await stubConda();
    const place = await hookPlace({
      pre: [
        script('echo "[$CONDA_PREFIX]"; conda install -n env1 second >/dev/null\nconda activate env1; tool'),
      ],
      post: [script("echo $CONDA_DEFAULT_ENV")],
      activation: "conda",
      conda,
    });
    await fillEnvironment(place.root);
    expect(await runHooks(place)).toEqual({ lines: ["[]", "the environment has it", "env1"] });
    expect(await calls()).toContain("second");
  });

  it("before the environment is there an install says so", async () => {
    const place = await hookPlace({
      pre: [script("conda install -n env1 second")],
      conda: (await stubConda()).conda,
    });
    const { error } = await runHooks(place);
    expect(outputOf(place).join("\n")).toContain("the environment env1 is not made yet");
    expect(error?.message).toContain("the pre-install script");
  });

  it("a conda installed in the environment is not in the way", async () => {
    const { conda, calls } = await stubConda();
    const place = await hookPlace({
      post: [script("sh -c 'conda install -y second'")],
      activation: "conda",
      conda,
    });
    await fillEnvironment(place.root);
    await writeFile(join(place.root, "bin", "conda"), "#!/bin/sh\nexit 99\n", { mode: 0o755 });
    expect((await runHooks(place)).error).toBeUndefined();
    expect(await calls()).toContain("second");
  });

  it("env config vars are set for the environment", async () => {
    const { lines } = await condaHooks(
      "conda env config vars set A=1 'B=x y'\nconda env config vars unset A\nconda env config vars list\n",
    );
    expect(lines).toEqual(["OWN = a 'b' $c", "B = x y"]);
  });

  it("what the solver goes by is taken from the hook", async () => {
    const { conda, calls } = await stubConda();
    const inBase: typeof conda.inBase = (argv) => [
      "/bin/sh",
      "-c",
      'echo "cuda $CONDA_OVERRIDE_CUDA"; exec "$@"',
      "x",
      ...argv,
    ];
    const { lines } = await condaHooks("CONDA_OVERRIDE_CUDA=12.4 conda install -y second >/dev/null", {
      conda: { ...conda, inBase },
    });
    expect(lines).toContain("cuda 12.4");
    expect(await calls()).toContain("second");
  });
});
