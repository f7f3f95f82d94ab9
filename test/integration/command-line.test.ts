import { describe, expect, it } from "vitest";
import { inputFile, runTool, stubHost, type Tool } from "../support/stub-host.ts";

const TOOLS: Tool[] = ["conda-containerize", "pip-containerize", "wrap-container", "wrap-install"];
const host = () => stubHost({ programs: ["micromamba"] });

describe("help", () => {
  it.each<[Tool, string[]]>([
    ...TOOLS.map((tool): [Tool, string[]] => [tool, []]),
    ["conda-containerize", ["new"]],
    ["conda-containerize", ["update"]],
    ["conda-containerize", ["advanced"]],
    ["pip-containerize", ["new"]],
    ["pip-containerize", ["update"]],
    ["pip-containerize", ["advanced"]],
  ])("H1: %s %j prints it for -h, --help and --he: stdout, exit 0", async (tool, words) => {
    const on = await host();
    for (const flag of ["-h", "--help", "--he"]) {
      const { exitCode, stdout, stderr } = await runTool(on, tool, [...words, flag]);
      expect(exitCode).toBe(0);
      expect(stderr).toBe("");
      expect(stdout).toContain(`usage: ${[tool, ...words].join(" ")} `);
      expect(stdout).toContain("show this help message");
    }
  });

  it.each(TOOLS)("H2: %s without arguments prints all of it: stdout, exit 0", async (tool) => {
    const on = await host();
    const { exitCode, stdout, stderr } = await runTool(on, tool, []);
    expect(exitCode).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toBe((await runTool(on, tool, ["--help"])).stdout);
  });

  it.each<[string, Tool, string[], string[]]>([
    [
      "H3",
      "conda-containerize",
      ["new"],
      ["--post-install", "--pre-install", "--environ", "--wrapper-paths"],
    ],
    ["H4", "wrap-install", [], ["--post-install", "--pre-install", "--environ", "--wrapper-paths", "--mask"]],
    ["H5", "wrap-container", [], ["--environ", "--wrapper-paths"]],
  ])("%s: of %s %j lists the options", async (_id, tool, words, options) => {
    const { stdout } = await runTool(await host(), tool, [...words, "--help"]);
    for (const option of options) expect(stdout).toMatch(new RegExp(`^  .*${option} <|^  ${option} `, "m"));
  });
});

describe("a usage error", () => {
  it.each<[Tool, string[], string]>([
    ["conda-containerize", ["new"], "arguments are required: env"],
    ["conda-containerize", ["update"], "arguments are required: dir"],
    ["conda-containerize", ["advanced"], "arguments are required: yaml"],
    ["pip-containerize", ["new"], "arguments are required: requirements"],
    ["pip-containerize", ["update"], "arguments are required: dir"],
    ["pip-containerize", ["advanced"], "arguments are required: yaml"],
    ["wrap-container", ["-w", "/x"], "arguments are required: container"],
    ["wrap-install", ["-w", "x"], "arguments are required: dir"],
    ["conda-containerize", ["new", "--no-such", "e.yml"], "unknown option '--no-such'"],
    ["conda-containerize", ["build", "e.yml"], "unknown command 'build'"],
    ["conda-containerize", ["ne", "e.yml"], "unknown command 'ne'"],
    ["conda-containerize", ["new", "--pre", "p", "e.yml"], "--pre could match --prefix, --pre-install"],
    ["pip-containerize", ["new", "--uv", "--slim", "r.txt"], "cannot be used with"],
    ["conda-containerize", ["new", "-w", "a,,b", "e.yml"], "An item of the list is empty"],
  ])("%s %j: usage and error on stderr, exit 2 (H6)", async (tool, words, message) => {
    const { exitCode, stdout, stderr } = await runTool(await host(), tool, words);
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^usage: .*\nerror: /);
    expect(stderr).toContain(message);
  });
});

describe("the executable's activate and deactivate", () => {
  it.each([["activate", "env"], ["activate", "-n", "env"], ["activate"], ["deactivate"]])(
    "kapseli %s %s: which file has the shell functions, exit 2",
    async (...words) => {
      const { exitCode, stderr } = await runTool(await host(), "kapseli", words);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^\[ ERROR \] (de)?activate: a program cannot change the shell that calls it/);
      expect(stderr).toMatch(/\| \. '\/.*\/etc\/profile\.d\/tykky\.sh'\n/);
      expect(stderr).toMatch(/\| source '\/.*\/etc\/profile\.d\/tykky\.fish' /);
    },
  );
});

describe("a wrap tool", () => {
  it.each<[Tool, string[], string]>([
    ["wrap-container", ["x.sif"], "requires -w/--wrapper-paths"],
    ["wrap-container", ["-w", "bin", "x.sif"], "Only absolute paths are accepted"],
    ["wrap-install", ["dir"], "requires -w/--wrapper-paths"],
  ])("%s %j: the error on stdout too, exit 3", async (tool, words, message) => {
    const { exitCode, stdout, stderr } = await runTool(await host(), tool, words);
    expect(exitCode).toBe(3);
    for (const text of [stdout, stderr]) expect(text).toMatch(/^\[ ERROR \] /);
    expect(stderr).toContain(message);
  });

  it("says its error as JSON where --json is asked for by an abbreviation", async () => {
    const { exitCode, stdout } = await runTool(await host(), "wrap-container", ["--js", "x.sif"]);
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ event: "error", code: 3 });
  });
});

describe("a plan", () => {
  it("is made from abbreviated options in any order", async () => {
    const on = await host();
    const file = await inputFile(on, "env.yml", "dependencies: [hello]\n");
    const { exitCode, stdout } = await runTool(on, "conda-containerize", [
      "new",
      file,
      "--dry",
      "--pref",
      on.prefix,
      "--js",
    ]);
    expect(exitCode).toBe(0);
    expect(JSON.stringify(JSON.parse(stdout))).toContain(on.prefix);
  });

  it("comes after a warning of an option that has no effect", async () => {
    const on = await host();
    const file = await inputFile(on, "env.yml", "dependencies: [hello]\n");
    const { exitCode, stdout } = await runTool(on, "conda-containerize", [
      "new",
      "--uv",
      "--dry-run",
      "--prefix",
      on.prefix,
      file,
    ]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^\[ WARNING \] --uv has no effect without --mamba\n/);
  });
});
