import { resolve } from "node:path";
import type { Command } from "commander";
import { subcommand } from "./program.ts";

/** `kapseli generations`. */
export function addGenerations(tool: Command): void {
  subcommand(tool, "generations", "List the generations of an environment, newest first.")
    .argument("<prefix>", "the environment")
    .option("--json", "print them as JSON on stdout")
    .action(async (prefix: string, options: { json?: boolean }) => {
      const { listGenerations } = await import("../build/generations.ts");
      const { objectText } = await import("../report/objects.ts");
      const { generationsText } = await import("../report/generations-text.ts");
      const found = await listGenerations(resolve(prefix));
      process.stdout.write(
        options.json ? objectText("generations", found) : generationsText(found.generations),
      );
    });
}
