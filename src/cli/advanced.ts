import { addReportOptions, type BuildOptions, commonWanted, filled, handOver } from "./build-command.ts";
import { examples, subcommand, type ToolCommand } from "./program.ts";
import type { CarryOut } from "./wanted.ts";

/** Adds the sub-command that takes everything from a file; both tools have it. */
export function addAdvanced(program: ToolCommand, tool: "conda" | "pip", carryOut: CarryOut): void {
  const command = addReportOptions(
    subcommand(program, "advanced", "Do what a YAML file with the tool's whole configuration says.").argument(
      "<yaml>",
      "the file: mode, env_file or requirements_file, installation_prefix and every other key of the configuration",
      filled,
    ),
  );
  examples(command, [`${program.name()} advanced environment.yml`]).action(
    (yaml: string, options: BuildOptions) =>
      handOver(carryOut, { ...commonWanted(options), command: "advanced", tool, yaml }),
  );
}
