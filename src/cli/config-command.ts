import type { Command } from "commander";
import { subcommand } from "./program.ts";

/** `kapseli config`: what is configured, whether a file is right, and the schema for editors. */
export function addConfigCommand(tool: Command): void {
  const config = subcommand(tool, "config", "Show and check the configuration (docs/configuration.md).");
  subcommand(config, "show", "Print every value and where it comes from.")
    .option("--json", "as one JSON object")
    .option("--file <file>", "use this site file instead of the one that would be used")
    .action(async (options: { json?: boolean; file?: string }) => {
      const { showConfig } = await import("./config-actions.ts");
      await showConfig(options);
    });
  subcommand(config, "check", "Report everything that is wrong with a configuration file, with its line.")
    .argument("<file>", "a site file, or the YAML of advanced or -y; its keys tell which")
    .option("--user", "the file is a user's (for advanced or -y), also where it looks like a site file")
    .action(async (file: string, options: { user?: boolean }) => {
      const { checkConfig } = await import("./config-actions.ts");
      await checkConfig(file, options.user === true);
    });
  subcommand(config, "schema", "Print the JSON schema of site files.").action(async () => {
    const { siteJsonSchemaText } = await import("../config/json-schema.ts");
    process.stdout.write(siteJsonSchemaText());
  });
}
