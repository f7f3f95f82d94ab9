import type { Command } from "commander";
import { readCatalogue } from "../host/catalogue.ts";
import { subcommand } from "./program.ts";

/** `kapseli bases`. */
export function addBases(tool: Command): void {
  subcommand(tool, "bases", "List the named bases that --base takes.")
    .option("--json", "print the result as JSON on stdout")
    .action(async (options: { json?: boolean }) => {
      const { entries } = await readCatalogue();
      if (options.json) {
        const { objectText } = await import("../report/objects.ts");
        const bases = Object.entries(entries).map(([name, { kind, description, source = null }]) => ({
          name,
          kind,
          description,
          source,
        }));
        process.stdout.write(objectText("bases", { bases }));
        return;
      }
      const width = Math.max(...Object.keys(entries).map((name) => name.length));
      for (const [name, entry] of Object.entries(entries)) {
        process.stdout.write(`${name.padEnd(width)}  ${entry.description}\n`);
      }
    });
}
