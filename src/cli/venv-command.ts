import { resolve } from "node:path";
import type { Command } from "commander";
import type { VenvResult } from "../build/venv.ts";
import { subcommand } from "./program.ts";
import { launchRequest } from "./run-command.ts";

function venvText({ directory, root, version, pip }: VenvResult): string {
  const install =
    pip === "none"
      ? `         It has no pip; install into it: uv pip install --python ${directory}/bin/python PACKAGE\n`
      : `         Install into it: ${directory}/bin/pip install PACKAGE\n`;
  return `[ INFO ] ${directory}: Python ${version} with the packages of ${root}\n${install}`;
}

/** `kapseli venv`. */
export function addVenv(tool: Command): void {
  subcommand(
    tool,
    "venv",
    "Make a virtual environment on top of an environment: writable, with the environment's packages visible.",
  )
    .argument("<prefix>", "the environment")
    .argument("<dir>", "the directory to make; not there yet, or empty")
    .option("--json", "print the result as JSON on stdout")
    .action(async (prefix: string, directory: string, options: { json?: boolean }) => {
      const { makeVenv } = await import("../build/venv.ts");
      const { objectText } = await import("../report/objects.ts");
      const { withInterruption } = await import("../host/signals.ts");
      const { environment } = launchRequest(prefix, {});
      const result = await withInterruption((signal) =>
        makeVenv({ prefix: resolve(prefix), directory: resolve(directory), environment, signal }),
      );
      process.stdout.write(
        options.json ? objectText("venv", { event: "result", ...result }) : venvText(result),
      );
    });
}
