import {
  addPrefixOption,
  addReportOptions,
  addRunTimeOptions,
  type BuildOptions,
  carryOutLater,
  commonWanted,
  filled,
  given,
  handOver,
} from "./build-command.ts";
import { examples, program, type ToolCommand } from "./program.ts";
import type { CarryOut } from "./wanted.ts";
import { requireAbsolutePaths, requireWrapperPaths } from "./wrapper-paths.ts";

interface WrapOptions extends BuildOptions {
  yaml?: string;
}

/** The wrap-container program. */
export function wrapContainer(carryOut: CarryOut = carryOutLater): ToolCommand {
  const tool = program("wrap-container", "Make commands of the programs in a container image.");
  tool.argument(
    "<container>",
    "a SIF, or an image that the runtime can pull (docker://…, library://…, oras://…)",
    filled,
  );
  addPrefixOption(tool);
  addRunTimeOptions(
    tool,
    "required: directories or files inside the container, absolute and separated by commas, whose programs become " +
      "commands",
  ).option(
    "-y, --yaml <file>",
    "a YAML file with further configuration; its keys win over the command line's, except --environ (default: none)",
    filled,
  );
  addReportOptions(tool);
  examples(tool, [
    "wrap-container -w /usr/local/bin --prefix ./python docker://python:3.12-slim",
    "wrap-container -w /opt/tool/bin,/usr/bin/make --prefix ./tool tool.sif",
  ]).action((container: string, options: WrapOptions) => {
    requireWrapperPaths(options.wrapperPaths, "wrap-container");
    requireAbsolutePaths(options.wrapperPaths);
    return handOver(carryOut, {
      ...commonWanted(options),
      command: "wrap-container",
      container,
      ...given({ yaml: options.yaml }),
    });
  });
  return tool;
}
