import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { isThere } from "../support/activation.ts";
import { scratch } from "../support/programs.ts";
import { PROJECT, TOOL } from "../support/stub-host.ts";

/** As npm installs it: the executables are links. @returns its directory */
async function installed({ built }: { built: boolean }): Promise<string> {
  const root = await scratch();
  const tool = join(root, "node_modules", "kapseli");
  for (const name of ["bin", "base-images", "etc", "package.json"]) {
    cpSync(join(PROJECT, name), join(tool, name), { recursive: true });
  }
  if (built) cpSync(dirname(TOOL), join(tool, "dist"), { recursive: true });
  mkdirSync(join(root, "node_modules", ".bin"));
  for (const name of ["kapseli", "conda-containerize", "pip-containerize"]) {
    symlinkSync(`../kapseli/bin/${name}`, join(root, "node_modules", ".bin", name));
  }
  return root;
}

const call = (cwd: string, argv: readonly string[]) => {
  const [file = "", ...args] = argv;
  const PATH = [dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter);
  return spawnSync(file, args, { cwd, env: { PATH, HOME: cwd }, encoding: "utf8" });
};

const traces = isThere("strace") && call("/", ["strace", "-f", "true"]).status === 0;

describe.skipIf(!traces)("a start", () => {
  it.each([
    ["kapseli", "--help"],
    ["kapseli", "bases"],
    ["conda-containerize", "new", "--help"],
    ["conda-containerize", "new", "--dry-run", "--prefix", "prefix", "env.yml"],
    ["pip-containerize", "new", "--dry-run", "--prefix", "prefix", "requirements.txt"],
  ])("asks at most 30 times for files of the installation: %s %s", async (tool, ...words) => {
    const [root, cwd] = [await installed({ built: true }), await scratch()];
    writeFileSync(join(cwd, "env.yml"), "dependencies: [hello]\n");
    writeFileSync(join(cwd, "requirements.txt"), "hello\n");
    const log = join(cwd, "strace");
    const flags = ["-f", "-y", "-e", "trace=%file,%desc", "-o", log];
    const ran = call(cwd, ["strace", ...flags, join(root, "node_modules", ".bin", tool), ...words]);
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    const asked = readFileSync(log, "latin1")
      .split("\n")
      .filter((line) => line.includes(root) && !line.includes("resumed>"));
    expect(asked.length, asked.join("\n")).toBeLessThanOrEqual(30);
    expect(asked.length).toBeGreaterThan(10);
  });
});

describe("a checkout that is not built", () => {
  it("says how it is", async () => {
    const root = await installed({ built: false });
    expect(call(root, [join(root, "node_modules", ".bin", "kapseli"), "--help"])).toMatchObject({
      status: 1,
      stdout: "",
      stderr: "kapseli: this checkout is not built yet: run ./quickstart, or npm ci and npm run build\n",
    });
  });
});
