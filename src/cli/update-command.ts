import type { Option } from "commander";
import {
  addCacheOption,
  addCompressOption,
  addHookOptions,
  addRemoveWrapperPaths,
  addReportOptions,
  addRunTimeOptions,
  type BuildOptions,
  commonWanted,
  filled,
  given,
  handOver,
  MORE_WRAPPER_PATHS,
} from "./build-command.ts";
import { examples, subcommand, type ToolCommand } from "./program.ts";
import type { CarryOut } from "./wanted.ts";

interface UpdateOptions extends BuildOptions {
  nocache?: boolean;
  removeWrapperPaths?: readonly string[];
}

/** In what the two tools' `update` differ. */
export interface UpdateCommand {
  command: "conda-update" | "pip-update";
  /** The option that names a requirements file. */
  requirements: Option;
  examples: readonly string[];
}

/** Adds the sub-command that changes an environment; both tools have it. */
export function addUpdate(program: ToolCommand, update: UpdateCommand, carryOut: CarryOut): void {
  const { command: wanted, requirements } = update;
  const command = subcommand(
    program,
    "update",
    "Change an environment: what is there is kept, what the options say is added.",
  ).argument("<dir>", "the prefix of the environment; it may have been moved or copied", filled);
  addHookOptions(command);
  addRunTimeOptions(command, MORE_WRAPPER_PATHS).addOption(requirements);
  addCacheOption(command);
  addRemoveWrapperPaths(command);
  addCompressOption(command);
  addReportOptions(command);
  examples(command, update.examples).action((directory: string, options: UpdateOptions) => {
    const file = command.getOptionValue(requirements.attributeName()) as string | undefined;
    return handOver(carryOut, {
      ...commonWanted(options),
      command: wanted,
      directory,
      ...given({ requirements: file }),
      nocache: options.nocache === true,
      removeWrapperPaths: options.removeWrapperPaths ?? [],
    });
  });
}
