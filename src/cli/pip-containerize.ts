import { Option } from "commander";
import { shown } from "../inputs/shown-text.ts";
import { addAdvanced } from "./advanced.ts";
import {
  addBaseOption,
  addCacheOption,
  addCompressOption,
  addHookOptions,
  addPortableOption,
  addPrefixOption,
  addReportOptions,
  addRunTimeOptions,
  type BuildOptions,
  carryOutLater,
  commonWanted,
  filled,
  given,
  handOver,
  MORE_WRAPPER_PATHS,
} from "./build-command.ts";
import { examples, program, subcommand, type ToolCommand } from "./program.ts";
import { addUpdate } from "./update-command.ts";
import type { CarryOut } from "./wanted.ts";

interface NewOptions extends BuildOptions {
  uv?: boolean;
  slim?: boolean;
  pyver?: string;
  systemSitePackages?: boolean;
  nocache?: boolean;
}

function addNew(tool: ToolCommand, carryOut: CarryOut): void {
  const command = subcommand(
    tool,
    "new",
    "Create an environment from a requirements file, on the first python3 of your PATH.",
  ).argument("<requirements>", "a requirements file, as pip takes it", filled);
  addPrefixOption(command);
  addHookOptions(command);
  addRunTimeOptions(command, MORE_WRAPPER_PATHS)
    .addOption(
      new Option(
        "--uv",
        "install with uv, which is faster; with --pyver it brings that Python (default: with pip)",
      ).conflicts("slim"),
    )
    .option("--slim", "use the Python of the public python:slim image, isolated from the host's system")
    .option(
      "--pyver <version>",
      "with --uv or --slim: the version of Python, such as 3.11; with --slim also a whole tag, such as " +
        "3.13.2-slim-bullseye (default: the newest)",
      filled,
    )
    .option(
      "--system-site-packages",
      "the environment also sees the packages of the Python below it, the user's own included (default: it does not)",
    );
  addCacheOption(command);
  addBaseOption(command);
  addPortableOption(command);
  addCompressOption(command);
  addReportOptions(command);
  examples(command, [
    "pip-containerize new --prefix ./env requirements.txt",
    "pip-containerize new --prefix ./env --slim --pyver 3.11 requirements.txt",
    "./env/bin/python3 -c 'import sys; print(sys.prefix)'",
  ]).action((requirements: string, options: NewOptions) => {
    const uv = options.uv === true;
    const slim = options.slim === true;
    if (slim && options.base !== undefined) {
      command.error(
        `error: --slim and --base both name the base: leave out --slim to run over ${shown(options.base)}, ` +
          "or --base to run over the python:slim image",
      );
    }
    const idle = options.pyver !== undefined && !uv && !slim;
    return handOver(
      carryOut,
      {
        ...commonWanted(options),
        command: "pip-new",
        requirements,
        uv,
        slim,
        ...(idle ? {} : given({ pyver: options.pyver })),
        systemSitePackages: options.systemSitePackages === true,
        nocache: options.nocache === true,
      },
      idle
        ? ["--pyver has no effect without --uv or --slim: the environment uses the python3 on your PATH"]
        : [],
    );
  });
}

/** The pip-containerize program. */
export function pipContainerize(carryOut: CarryOut = carryOutLater): ToolCommand {
  const tool = program(
    "pip-containerize",
    "Install Python packages into one image, with commands that run in it.",
  );
  addNew(tool, carryOut);
  const update = {
    command: "pip-update",
    requirements: new Option(
      "-r, --requirements-file <file>",
      "a requirements file, as pip takes it, to install into the environment (default: none)",
    ).argParser(filled),
    examples: [
      "pip-containerize update -r more-requirements.txt ./env",
      "pip-containerize update --post-install more.sh ./env",
    ],
  } as const;
  addUpdate(tool, update, carryOut);
  addAdvanced(tool, "pip", carryOut);
  return tool;
}
