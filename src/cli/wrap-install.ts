import {
  addBaseOption,
  addCompressOption,
  addHookOptions,
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
import { AddedOption, examples, program, type ToolCommand } from "./program.ts";
import type { CarryOut } from "./wanted.ts";
import { requireWrapperPaths } from "./wrapper-paths.ts";

interface WrapOptions extends BuildOptions {
  mask?: boolean;
  inPlace?: boolean;
  yaml?: string;
}

/** The wrap-install program. */
export function wrapInstall(carryOut: CarryOut = carryOutLater): ToolCommand {
  const tool = program(
    "wrap-install",
    "Put software that is installed already into one image, with commands that run in it.",
  );
  tool.argument("<dir>", "the directory that the software is installed in", filled);
  addPrefixOption(tool);
  addHookOptions(tool);
  addRunTimeOptions(
    tool,
    "required without --in-place: directories or files, separated by commas, whose programs become commands: " +
      "relative to the directory, or absolute inside the container",
  )
    .option(
      "--mask",
      "mount the image at the directory's own path: paths in the software stay valid, and the files on disk, which " +
        "may then be deleted, are hidden (default: it is mounted at a path of its own)",
    )
    .option(
      "-y, --yaml <file>",
      "a YAML file with further configuration; its keys win over the command line's, except --environ and the " +
        "install scripts (default: none)",
      filled,
    )
    .addOption(
      new AddedOption(
        "--in-place",
        "the directory, a venv, conda or pixi environment, becomes an environment of this tool where it is, with " +
          "nothing installed again; its files are kept aside (kapseli unwrap gives them back)",
      ).conflicts(["mask", "prefix"]),
    );
  addBaseOption(tool);
  addCompressOption(tool);
  addReportOptions(tool);
  examples(tool, [
    "wrap-install -w bin --mask --prefix ./wrapped /appl/soft/tool",
    "wrap-install --in-place ./.venv",
  ]).action((directory: string, options: WrapOptions) => {
    const inPlace = options.inPlace === true;
    if (!inPlace) requireWrapperPaths(options.wrapperPaths, "wrap-install");
    return handOver(carryOut, {
      ...commonWanted(options),
      command: "wrap-install",
      directory,
      mask: options.mask === true,
      inPlace,
      compile: false,
      ...given({ yaml: options.yaml }),
    });
  });
  return tool;
}
