import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { renderStub } from "../../src/prefix/launcher.ts";
import { inputFile, runTool, stubHost, treeOf } from "../support/stub-host.ts";

describe.each([
  ["conda-containerize", "env.yml", "dependencies: [hello]\n"],
  ["pip-containerize", "requirements.txt", "hello\n"],
] as const)("%s new --dry-run", (tool, name, text) => {
  const prepared = async () => {
    const host = await stubHost({ programs: ["micromamba", "python3"] });
    return { host, file: await inputFile(host, name, text) };
  };

  it("prints every step with its commands, starts nothing and touches nothing", async () => {
    const { host, file } = await prepared();
    const before = await treeOf(host.directory);
    const { stdout, stderr, exitCode } = await runTool(host, tool, [
      "new",
      "--dry-run",
      "--prefix",
      host.prefix,
      file,
    ]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toContain(`prefix        ${host.prefix}\n`);
    expect(stdout).toMatch(/1\. Installing packages with \w+\n/);
    expect(stdout).toContain(`. Installing to ${host.prefix}\n`);
    expect(await treeOf(host.directory)).toEqual(before);
    expect(existsSync(host.log)).toBe(false);
  });

  it("is one line of JSON with --json", async () => {
    const { host, file } = await prepared();
    const { stdout } = await runTool(host, tool, [
      "new",
      "--dry-run",
      "--json",
      "--prefix",
      host.prefix,
      file,
    ]);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { event: "plan", plan: { placement: { root: host.prefix }, steps: expect.any(Array) } },
    ]);
  });

  it("refuses what the build would refuse", async () => {
    const { host, file } = await prepared();
    await writeFile(host.prefix, "");
    const ran = await runTool(host, tool, ["new", "--dry-run", "--prefix", host.prefix, file]);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain(`${host.prefix} is in the way: it is not a directory`);
  });
});

describe("--dry-run with an environment of ours first on PATH", () => {
  it("names the python3 that the build would take, not the environment's", async () => {
    const host = await stubHost({ programs: ["python3"] });
    const file = await inputFile(host, "requirements.txt", "hello\n");
    const own = join(host.directory, "own", "bin");
    await mkdir(own, { recursive: true });
    await writeFile(join(own, "python3"), renderStub("/own"), { mode: 0o755 });
    const ran = await runTool(
      host,
      "pip-containerize",
      ["new", "--dry-run", "--json", "--prefix", host.prefix, file],
      { env: { PATH: `${own}:${host.env.PATH}` } },
    );
    const { plan } = JSON.parse(ran.stdout);
    expect(plan.engine).toMatchObject({ engine: "pip", python: join(host.bin, "python3") });
  });
});

describe("--dry-run with an engine that is not there", () => {
  it("says so", async () => {
    const host = await stubHost();
    const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
    const ran = await runTool(host, "conda-containerize", [
      "new",
      "--dry-run",
      "--engine",
      "conda",
      "--prefix",
      host.prefix,
      file,
    ]);
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain("the engine conda is not on PATH");
    expect(await readdir(join(host.directory, "home"))).toEqual([]);
  });
});
