import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { containersOf, inputFile, runTool, type StubHost, stubHost } from "../support/stub-host.ts";

const build = async (host: StubHost, requirements: string, ...more: string[]) =>
  runTool(host, "pip-containerize", [
    "new",
    "--prefix",
    host.prefix,
    ...more,
    await inputFile(host, "requirements.txt", requirements),
  ]);

describe("a pip environment", () => {
  it("is a venv at the prefix with what was asked for", async () => {
    const host = await stubHost({ programs: ["python3"] });
    expect(await build(host, "hello\n")).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await readdir(join(host.prefix, "bin"))).sort()).toEqual([
      "_debug_exec",
      "_debug_shell",
      "hello",
      "python3",
    ]);
    const words = containersOf(host).map(({ argv }) => argv.join(" "));
    expect(words.some((line) => line.includes(`-m venv ${host.prefix}`))).toBe(true);
    expect(words.some((line) => line.includes(`-m pip install --no-compile`))).toBe(true);
    expect(words.some((line) => line.includes("capture"))).toBe(false);
  });

  it("whose package does not build ends with the compiler's own lines", async () => {
    const host = await stubHost({ programs: ["python3"] });
    const { exitCode, stderr } = await build(host, "build-fails\n");
    expect(exitCode).toBe(5);
    expect(stderr).toContain("[ ERROR ] a package could not be built from its source\n");
    expect(stderr).toContain("badw.c:1:1: error: unknown type name");
    expect(stderr).toContain("What to do: ");
  });

  it("whose index is unreachable says so", async () => {
    const host = await stubHost({ programs: ["python3"] });
    const { exitCode, stderr } = await build(host, "unreachable\n");
    expect(exitCode).toBe(5);
    expect(stderr).toContain("[ ERROR ] the package index could not be reached\n");
  });

  it("without any python3 says how to get one", async () => {
    const { exitCode, stderr } = await build(await stubHost(), "hello\n");
    expect(exitCode).toBe(4);
    expect(stderr).toContain("there is no python3 on PATH");
  });

  it("is read from a pipe, which can be read only once", async () => {
    const host = await stubHost({ programs: ["python3"] });
    const file = await inputFile(host, "requirements.txt", "hello\n");
    const script = `exec 3<"$1"; cat <&3 | "$2" --input-type=module -e "$3" -- pip-containerize new --prefix "$4" /dev/stdin`;
    const { spawnSync } = await import("node:child_process");
    const { TOOL } = await import("../support/stub-host.ts");
    const program = `import { main } from ${JSON.stringify(TOOL)}; await main(process.argv[1]);`;
    const ran = spawnSync("/bin/sh", ["-c", script, "sh", file, process.execPath, program, host.prefix], {
      env: host.env,
      cwd: host.directory,
      encoding: "utf8",
    });
    expect(ran.stderr).toBe("");
    expect(ran.status).toBe(0);
    const inputs = join(host.prefix, "current", "inputs", "0");
    const [name = ""] = await readdir(inputs);
    expect(await readFile(join(inputs, name), "utf8")).toBe("hello\n");
  });
});
