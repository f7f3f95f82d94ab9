import { describe, expect, it } from "vitest";
import { program, subcommand } from "../../../src/cli/program.ts";

/** A program with a command that starts another one, as `kapseli run` does. */
async function run(...words: string[]): Promise<unknown[]> {
  let got: unknown[] = [];
  const tool = program("tool", "A tool.");
  subcommand(tool, "run", "Run a command.")
    .argument("<prefix>")
    .argument("<command...>")
    .option("--with <prefix>")
    .option("--json")
    .passThroughOptions()
    .action((prefix: string, command: string[], options: object) => {
      got = [prefix, command, options];
    });
  subcommand(subcommand(tool, "config", "Values."), "show", "Show them.")
    .option("--json")
    .action((options: object) => {
      got = ["show", options];
    });
  await tool.parseAsync(words, { from: "user" });
  return got;
}

describe("a command that starts another one", () => {
  it("takes its own options in short, and leaves the other's as they are", async () => {
    expect(await run("run", "--wi", "B", "--js", "A", "python", "--js", "--he", "-h")).toEqual([
      "A",
      ["python", "--js", "--he", "-h"],
      { with: "B", json: true },
    ]);
  });
});

describe("a sub-command of a sub-command", () => {
  it("takes abbreviations too", async () => {
    expect(await run("config", "show", "--js")).toEqual(["show", { json: true }]);
  });
});
