import { spawnSync } from "node:child_process";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { scratch } from "../support/programs.ts";
import { inputFile, PROJECT, runTool, stubHost, TOOL } from "../support/stub-host.ts";

describe("kapseli config show", () => {
  it("prints every value with where it comes from", async () => {
    const host = await stubHost();
    await inputFile(
      host,
      "site.yaml",
      "defaults:\n  env_name: ours\nappends:\n  sqfs_options: [-comp, lz4]\n  own: [1]\n",
    );
    const env = { CW_GLOBAL_YAML: "site.yaml", CW_LOG_LEVEL: "3" };
    const { exitCode, stdout, stderr } = await runTool(host, "kapseli", ["config", "show"], { env });
    const site = join(host.directory, "project", "site.yaml");
    expect(exitCode).toBe(0);
    const lines = stdout.split("\n");
    expect(lines).toContain(`env_name: ours  # ${site}:2 (defaults)`);
    expect(lines).toContain(`sqfs_options: ["-noappend","-comp","lz4"]  # built in + ${site}:4 (appends)`);
    expect(lines).toContain("log_level: 3  # the variable CW_LOG_LEVEL");
    expect(lines).toContain(`build_tmpdir_base: ${host.work}  # the variable CW_BUILD_TMPDIR`);
    expect(lines).toContain("container_src: host  # built in");
    expect(lines).toContain("add_ld: (unset)  # built in");
    expect(lines).toContain(`own: [1]  # ${site}:5 (appends)`);
    expect(stderr).toBe(`[ WARNING ] ${site}:5: unknown key \`own\` (hook scripts see it)\n`);
  });

  it("prints one JSON object, of the file that --file names, without secrets", async () => {
    const host = await stubHost();
    await inputFile(
      host,
      "other.yaml",
      "force: {container_src: 'docker://u:secret@r.org/i', mine: 'curl -H \"Authorization: Bearer secret\"'}\n",
    );
    const { exitCode, stdout } = await runTool(
      host,
      "kapseli",
      ["config", "show", "--json", "--file", "other.yaml"],
      { env: { CW_GLOBAL_YAML: "/nowhere" } },
    );
    expect(exitCode).toBe(0);
    const file = join(host.directory, "project", "other.yaml");
    expect(JSON.parse(stdout)).toMatchObject({
      config: {
        container_src: {
          value: "docker://***@r.org/i",
          origin: { from: "site", file, line: 1, section: "force" },
        },
        pyver: { value: null, origin: { from: "default" } },
      },
      custom: { mine: { value: 'curl -H "Authorization: Bearer ***"' } },
      warnings: [expect.stringContaining("mine")],
    });
    expect(stdout).not.toContain("secret");
  });

  it("reads the site file of its installation, which CW_GLOBAL_YAML goes before", async () => {
    const directory = await scratch();
    for (const name of ["dist", "etc"]) await mkdir(join(directory, name));
    await cp(dirname(TOOL), join(directory, "dist"), { recursive: true });
    await writeFile(join(directory, "etc", "ours.yaml"), "defaults: {env_name: installed}\n");
    await symlink("ours.yaml", join(directory, "etc", "site.yaml"));
    await writeFile(join(directory, "mine.yaml"), "defaults: {env_name: mine}\n");
    const show = (env: Record<string, string>): string => {
      const program = `import { main } from ${JSON.stringify(join(directory, "dist", "kapseli.cjs"))}; await main(process.argv[1]);`;
      const words = ["--input-type=module", "-e", program, "--", "kapseli", "config", "show"];
      return spawnSync(process.execPath, words, { cwd: directory, env, encoding: "utf8" }).stdout;
    };
    expect(show({})).toContain(
      `env_name: installed  # ${join(directory, "etc", "site.yaml")}:1 (defaults)\n`,
    );
    expect(show({ CW_GLOBAL_YAML: "mine.yaml" })).toContain("env_name: mine  # ");
  });
});

describe("kapseli config check", () => {
  it("tells every error and warning of a file with its line, and ends with 3", async () => {
    const host = await stubHost();
    await inputFile(
      host,
      "bad.yaml",
      "defaults:\n  num_cpus: x\n  own: 1\nforce:\n  env_name: '`id`'\n  mode: a\n",
    );
    const { exitCode, stdout, stderr } = await runTool(host, "kapseli", ["config", "check", "bad.yaml"]);
    expect(exitCode).toBe(3);
    const lines = stderr.split("\n").map((line) => line.trim());
    expect(lines).toEqual([
      "[ WARNING ] bad.yaml:3: unknown key `own` (hook scripts see it)",
      "[ ERROR ] bad.yaml:2: num_cpus: expected a whole number, 1 or more, found `x`",
      expect.stringMatching(/^\[ ERROR \] bad\.yaml:5: env_name: ``id`` is not run: /),
      "[ ERROR ] bad.yaml:6: mode: expected one of conda, venv, wrapcont, wrapdisk, found `a`",
      "What to do: Correct bad.yaml, which was read as a site file.",
      "",
    ]);
    expect(stdout.split("\n").filter((line) => line !== "")).toEqual(
      lines.filter((line) => line.startsWith("[ ERROR ]")),
    );
  });

  it("takes variables that are not set here for warnings", async () => {
    const host = await stubHost();
    await inputFile(host, "good.yaml", "defaults:\n  env_name: $PROJECT_NAME\n");
    const { exitCode, stdout, stderr } = await runTool(host, "kapseli", ["config", "check", "good.yaml"]);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: "good.yaml, read as a site file: no errors, 1 warning\n",
      stderr: "[ WARNING ] good.yaml:2: env_name: the variable PROJECT_NAME is not set here\n",
    });
  });

  it("knows the YAML of -y by its keys, in which unknown ones are warnings", async () => {
    const host = await stubHost();
    await inputFile(host, "y.yaml", "wrapper_paths: [/opt/bin]\nisolat: yes\nmy_key: 1\n");
    const { exitCode, stdout, stderr } = await runTool(host, "kapseli", ["config", "check", "y.yaml"]);
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: "y.yaml, read as the YAML of -y: no errors, 2 warnings\n",
      stderr:
        "[ WARNING ] y.yaml:2: unknown key `isolat`: did you mean isolate? (hook scripts see it)\n" +
        "[ WARNING ] y.yaml:3: unknown key `my_key` (hook scripts see it)\n",
    });
  });

  it.each([[], ["--user"]])("checks the YAML of advanced %j", async (...options) => {
    const host = await stubHost();
    await inputFile(host, "u.yaml", "mode: conda\nenv_file: env.yml\n");
    await inputFile(host, "v.yaml", "mode: conda\nenvfile: env.yml\n");
    const good = await runTool(host, "kapseli", ["config", "check", ...options, "u.yaml"]);
    expect(good).toMatchObject({
      exitCode: 0,
      stdout: "u.yaml, read as the YAML of advanced: no errors, 0 warnings\n",
    });
    const bad = await runTool(host, "kapseli", ["config", "check", ...options, "v.yaml"]);
    expect(bad.exitCode).toBe(3);
    expect(bad.stderr).toContain("v.yaml:2: unknown key `envfile`: did you mean env_file?");
  });

  it.each(["host", "lumi", "csc"])("has nothing to say about the site file %s", async (name) => {
    const path = join(PROJECT, "etc", "sites", `${name}.yaml`);
    const ran = await runTool(await stubHost(), "kapseli", ["config", "check", path]);
    expect(ran).toMatchObject({
      exitCode: 0,
      stdout: `${path}, read as a site file: no errors, 0 warnings\n`,
      stderr: "",
    });
  });
});

it("kapseli config schema prints the schema that editors read", async () => {
  const { exitCode, stdout } = await runTool(await stubHost(), "kapseli", ["config", "schema"]);
  expect(exitCode).toBe(0);
  expect(stdout).toBe(await readFile(join(PROJECT, "etc", "kapseli-config.schema.json"), "utf8"));
});

describe("a build", () => {
  const build = async (site: string, env: Record<string, string> = {}) => {
    const host = await stubHost({ programs: ["micromamba"] });
    await inputFile(host, "site.yaml", site);
    const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
    const words = ["new", "--prefix", host.prefix, file];
    const ran = await runTool(host, "conda-containerize", words, {
      env: { CW_GLOBAL_YAML: "site.yaml", ...env },
    });
    return { ...ran, host };
  };

  it("says as much as log_level asks for, unless CW_LOG_LEVEL asks for something else", async () => {
    expect(await build("defaults: {log_level: 0}")).toMatchObject({ exitCode: 0, stdout: "" });
    expect((await build("force: {log_level: 0}", { CW_LOG_LEVEL: "2" })).stdout).toContain("[ INFO ]");
  });

  it("records each value with its origin and without secrets, and leaves out those that nobody set", async () => {
    const { host, exitCode, stderr } = await build(
      "defaults:\n  env_name: ours\n  slim_container_src: docker://u:secret@r.org/python\n",
    );
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    const { config } = JSON.parse(await readFile(join(host.prefix, "current", "manifest.json"), "utf8"));
    const file = join(host.directory, "project", "site.yaml");
    expect(config.env_name).toEqual({
      value: "ours",
      origin: { from: "site", file, line: 2, section: "defaults" },
    });
    expect(config).not.toHaveProperty("pyver");
    expect(config.slim_container_src.value).toBe("docker://***@r.org/python");
  });

  it("does not begin with a configuration that has errors", async () => {
    const { exitCode, stderr, host } = await build("defaults: {num_cpus: 0, env_name: $NOT_SET}\n");
    expect(exitCode).toBe(3);
    const site = join(host.directory, "project", "site.yaml");
    expect(stderr).toContain(
      `[ ERROR ] ${site}:1: num_cpus: expected a whole number, 1 or more, found \`0\`\n`,
    );
    expect(stderr).toContain(`[ ERROR ] ${site}:1: env_name: the variable NOT_SET is not set\n`);
  });

  it("uses no more processors than num_cpus says", async () => {
    const host = await stubHost({ programs: ["micromamba"] });
    await inputFile(host, "site.yaml", "force: {num_cpus: 1}\n");
    const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
    const words = ["new", "--dry-run", "--json", "--prefix", host.prefix, file];
    const { stdout } = await runTool(host, "conda-containerize", words, {
      env: { CW_GLOBAL_YAML: "site.yaml" },
    });
    expect(stdout).toMatch(/"-processors","1"/);
  });
});
