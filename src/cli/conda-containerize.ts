import { Option } from "commander";
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
import { AddedOption, examples, program, subcommand, type ToolCommand } from "./program.ts";
import { addUpdate } from "./update-command.ts";
import type { CarryOut } from "./wanted.ts";

interface NewOptions extends BuildOptions {
  requirement?: string;
  mamba?: boolean;
  uv?: boolean;
  nocache?: boolean;
  engine?: string;
}

const requirementOption = (): Option =>
  new Option(
    "-r, --requirement <file>",
    "a requirements file, as pip takes it, to install into the conda environment (default: none)",
  ).argParser(filled);

function addNew(tool: ToolCommand, carryOut: CarryOut): void {
  const command = subcommand(
    tool,
    "new",
    "Create an environment from an env.yml, an explicit list or a list of packages.",
  ).argument(
    "<env>",
    "env.yml (a name with .yml or .yaml in it), an @EXPLICIT list, or a list of specifications",
    filled,
  );
  addPrefixOption(command);
  addHookOptions(command);
  addRunTimeOptions(command, MORE_WRAPPER_PATHS)
    .addOption(requirementOption())
    .option("--mamba", "install with mamba (default: conda_engine of the configuration)")
    .option("--uv", "with --mamba: install pip packages with uv, now and on updates (default: with pip)");
  addCacheOption(command).addOption(
    new AddedOption(
      "--engine <engine>",
      "micromamba, mamba, conda, rattler or auto (default: conda_engine of the configuration)",
    ).argParser(filled),
  );
  addBaseOption(command);
  addPortableOption(command);
  addCompressOption(command);
  addReportOptions(command);
  examples(command, [
    "conda-containerize new --prefix ./env env.yml",
    "conda-containerize new --prefix ./env -r requirements.txt --post-install extra.sh env.yml",
    "./env/bin/python3 -c 'import sys; print(sys.prefix)'",
  ]).action((envFile: string, options: NewOptions) => {
    const mamba = options.mamba === true;
    const uv = options.uv === true;
    return handOver(
      carryOut,
      {
        ...commonWanted(options),
        command: "conda-new",
        envFile,
        ...given({ requirements: options.requirement, engine: options.engine }),
        mamba,
        uv: uv && mamba,
        nocache: options.nocache === true,
      },
      uv && !mamba ? ["--uv has no effect without --mamba"] : [],
    );
  });
}

/** The conda-containerize program. */
export function condaContainerize(carryOut: CarryOut = carryOutLater): ToolCommand {
  const tool = program(
    "conda-containerize",
    "Install a conda environment into one image, with commands that run in it.",
  );
  addNew(tool, carryOut);
  const update = {
    command: "conda-update",
    requirements: requirementOption(),
    examples: [
      "conda-containerize update --post-install more.sh ./env",
      "conda-containerize update -r requirements.txt ./env",
    ],
  } as const;
  addUpdate(tool, update, carryOut);
  addAdvanced(tool, "conda", carryOut);
  return tool;
}
