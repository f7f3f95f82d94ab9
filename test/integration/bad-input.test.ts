import { spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { placementOf } from "../../src/build/take-place.ts";
import type { BuildRequest } from "../../src/plan/request.ts";
import { asOrdinaryUser } from "../support/ordinary-user.ts";
import { firstLine, scratch } from "../support/programs.ts";
import {
  failedLogs,
  inputFile,
  runTool,
  type StubHost,
  type StubHostOptions,
  startTool,
  stubHost,
} from "../support/stub-host.ts";

const GOOD = "dependencies: [hello]\n";
const host = (options: StubHostOptions = {}) => stubHost({ programs: ["micromamba"], ...options });
const build = async (
  on: StubHost,
  text: string | Uint8Array = GOOD,
  more: string[] = [],
  prefix = on.prefix,
) =>
  runTool(on, "conda-containerize", [
    "new",
    "--prefix",
    prefix,
    ...more,
    await inputFile(on, "env.yml", text),
  ]);

describe("a host that cannot", () => {
  it.each<[string, StubHostOptions, string, string]>([
    ["without a runtime", { mode: null }, "neither apptainer nor singularity is on PATH", "module"],
    [
      "with a runtime that cannot run",
      { mode: "broken" },
      "cannot start containers for this user",
      "user namespaces",
    ],
    ["without FUSE", { mode: "no-fuse" }, "FUSE does not work", "/dev/fuse"],
    [
      "whose mksquashfs makes no image",
      { stubs: { STUB_MKSQUASHFS: "none" } },
      "could not make an image",
      "squashfs-tools",
    ],
  ])("%s: exit 4, what is wrong and what to do", async (_what, options, message, hint) => {
    const on = await host(options);
    const { exitCode, stderr } = await build(on);
    expect(exitCode).toBe(4);
    expect(stderr).toContain(message);
    expect(stderr.split("What to do: ")[1]).toContain(hint);
    expect(await readdir(on.directory)).not.toContain("prefix");
    expect(await readdir(on.work)).toEqual([]);
    expect(await failedLogs(on)).toHaveLength(1);
  });

  it("without zstd in mksquashfs builds with lz4", async () => {
    const { exitCode, stdout } = await build(await host({ stubs: { STUB_MKSQUASHFS: "no-zstd" } }));
    expect(exitCode).toBe(0);
    expect(stdout).toContain(", lz4, ");
  });
});

describe("a prefix that cannot be used", () => {
  it("that is not writable", async () => {
    const { exitCode, stderr } = await build(await host(), GOOD, [], "/proc/kapseli-prefix");
    expect(exitCode).toBe(4);
    expect(stderr).toContain("[ ERROR ] the prefix /proc/kapseli-prefix cannot be written");
  });

  it("that may not be searched", async () => {
    const directory = await scratch();
    const prefix = join(directory, "nosearch");
    await mkdir(prefix);
    const request = { tool: "conda", prefix } as BuildRequest;
    await chmod(prefix, 0o600);
    const refused = asOrdinaryUser(directory, () => placementOf(request));
    await expect(refused).rejects.toMatchObject({
      code: 4,
      message: `the prefix ${prefix} cannot be written: no permission to write and search there`,
    });
    await chmod(prefix, 0o700);
  });

  it("that has something in the way", async () => {
    const on = await host();
    await mkdir(join(on.prefix, "bin"), { recursive: true });
    await writeFile(join(on.prefix, "bin", "mine"), "");
    const { exitCode, stderr } = await build(on);
    expect(exitCode).toBe(4);
    expect(stderr).toContain(`${on.prefix}/bin is in the way`);
    expect(await readdir(on.prefix)).toEqual(["bin"]);
  });

  it("whose path no script could carry", async () => {
    const on = await host();
    const { exitCode, stderr } = await build(on, GOOD, [], join(on.directory, "$(touch pwned)"));
    expect(exitCode).toBe(3);
    expect(stderr).toContain('its path holds "$"');
    expect(await readdir(join(on.directory, "project"))).toEqual(["env.yml"]);
  });

  it("that another build works on", async () => {
    const on = await host();
    const args = [
      "new",
      "--prefix",
      on.prefix,
      await inputFile(on, "hangs.yml", "dependencies: [check-hangs]\n"),
    ];
    const { child, ended } = startTool(on, "conda-containerize", args);
    await firstLine(on.pid);
    const second = await build(on);
    expect(second.exitCode).toBe(4);
    expect(second.stderr).toContain(`another build works on ${on.prefix}: process ${child.pid} of `);
    child.kill("SIGTERM");
    expect((await ended).exitCode).toBe(143);
    expect((await build(on)).exitCode).toBe(0);
  });

  it("that is on a full file system", async ({ skip }) => {
    const on = await host();
    await mkdir(on.prefix);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", on.prefix]);
    if (mounted.status !== 0) return skip("mounting a small file system takes root");
    onTestFinished(() => void spawnSync("umount", [on.prefix]));
    const { exitCode, stderr } = await build(on);
    expect(exitCode).toBe(4);
    expect(stderr).toMatch(/the prefix \S+ has only 0 MiB free; at least 64 MiB is needed/);
    spawnSync("sh", ["-c", `cat /dev/zero >"$1/fill"; exit 0`, "sh", on.prefix]);
    const full = await build(on);
    expect(full.exitCode).toBe(4);
    expect(full.stderr).toContain("there is no space left");
  });
});

describe("an env file", () => {
  const gzip = Buffer.concat([Buffer.from([0x1f, 0x8b, 0x08, 0x00]), Buffer.alloc(100)]);

  it.each<[string, string | Uint8Array, RegExp]>([
    ["that is empty", "", /env\.yml: the file is empty/],
    ["that is binary", gzip, /env\.yml: this is a gzip archive/],
    ["that is no YAML", "dependencies: [a\n", /env\.yml:\d+:\d+: /],
    ["that is no list", "dependencies: numpy\n", /env\.yml:1:\d+: /],
    ["with a bad operator", "dependencies:\n  - a\n  - numpy >==1\n", /env\.yml:3:\d+: /],
  ])("%s: exit 3 and the place, before anything is made", async (_what, text, message) => {
    const on = await host();
    const { exitCode, stderr } = await build(on, text);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(message);
    expect((await readdir(on.directory)).sort()).toEqual(["bin", "home", "project", "system", "work"]);
  });

  it("that is not there", async () => {
    const on = await host();
    const { exitCode, stderr } = await runTool(on, "conda-containerize", ["new", "nothing.yml"]);
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(/Env file \S+nothing\.yml does not exist/);
    const pip = await runTool(on, "pip-containerize", ["new", "nothing.txt"]);
    expect(pip.exitCode).toBe(3);
    expect(pip.stderr).toMatch(/\[ ERROR \] The file \S+\/nothing\.txt does not exist\n/);
  });
});

describe("a base", () => {
  it("that is not there", async () => {
    const { exitCode, stderr } = await build(await host(), GOOD, ["--base", "./nothing.sif"]);
    expect(exitCode).toBe(3);
    expect(stderr).toContain("the base ./nothing.sif is neither a known name, nor an image URI");
  });

  it("for another processor", async () => {
    const on = await host({
      stubs: { STUB_IMAGE_ERROR: "the image's architecture (arm64) could not run on the host's (amd64)" },
    });
    const sif = await inputFile(on, "arm.sif", "SIF");
    const { exitCode, stderr } = await build(on, GOOD, ["--base", sif]);
    expect(exitCode).toBe(4);
    expect(stderr).toContain("the base image is for another processor architecture");
  });

  it("that a registry does not have", async () => {
    const on = await host({ stubs: { STUB_PULL_ERROR: "while making image: manifest unknown" } });
    const { exitCode, stderr } = await build(on, GOOD, ["--base", "docker://host/nothing:1"]);
    expect(exitCode).toBe(4);
    expect(stderr).toContain("Failed getting container image docker://host/nothing:1");
    expect(stderr).toContain("Check the image's name and tag.");
  });
});

describe("a command line", () => {
  it.each([
    [["new"], /required: env/],
    [["new", "--no-such-option", "x"], /unknown option/],
    [["new", "--engine", "apt", "env.yml"], /--engine: /],
  ])("%j: exit 2", async (args, message) => {
    const { exitCode, stderr } = await runTool(await host(), "conda-containerize", args);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(message);
  });

  it("with a site file that cannot be read: exit 3", async () => {
    const on = await host();
    const file = await inputFile(on, "env.yml", GOOD);
    const ran = await runTool(on, "conda-containerize", ["new", file], {
      env: { CW_GLOBAL_YAML: "/etc/nothing" },
    });
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("the site file /etc/nothing (CW_GLOBAL_YAML) cannot be read");
  });
});
