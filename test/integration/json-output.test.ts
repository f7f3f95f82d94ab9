import { describe, expect, it } from "vitest";
import { TOLD_STEPS } from "../support/steps.ts";
import { inputFile, runTool, stubHost } from "../support/stub-host.ts";

interface Line {
  event: string;
  [key: string]: unknown;
}

async function lines(text: string, ...more: string[]): Promise<{ lines: Line[]; stderr: string }> {
  const host = await stubHost({ programs: ["micromamba"] });
  const file = await inputFile(host, "env.yml", text);
  const args = ["new", "--json", "--prefix", host.prefix, ...more, file];
  const { stdout, stderr } = await runTool(host, "conda-containerize", args);
  return {
    lines: stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line),
    stderr,
  };
}

describe("--json", () => {
  it("prints nothing but one object a line, the result last", async () => {
    const said = await lines("dependencies: [hello]\n");
    expect(said.stderr).toBe("");
    expect(said.lines.every(({ event }) => typeof event === "string")).toBe(true);
    expect(said.lines.at(-1)).toMatchObject({
      event: "result",
      generation: 1,
      commands: ["hello", "list-packages", "python3"],
      manifest: { schema: 1 },
    });
  });

  it("tells when each step starts and ends", async () => {
    const said = await lines("dependencies: [hello]\n");
    for (const event of ["step-started", "step-finished"]) {
      const steps = said.lines.filter((line) => line.event === event).map(({ step }) => step);
      expect(steps).toEqual(TOLD_STEPS);
    }
  });

  it("tells an error as an object, and as text on stderr", async () => {
    const said = await lines("dependencies: [nosuchpackage]\n");
    expect(said.lines.at(-1)).toMatchObject({
      event: "error",
      code: 5,
      message: "a package was not found in the channels",
      hint: expect.any(String),
      log: expect.any(String),
    });
    expect(said.stderr).toContain("[ ERROR ] a package was not found in the channels\n");
  });

  it("shows no secret of a channel's address", async () => {
    const said = await lines("channels: ['https://me:pw123@host/c']\ndependencies: [hello]\n");
    expect(JSON.stringify(said.lines)).not.toContain("pw123");
  });
});
