import type { Command } from "commander";
import { addBuildOptions, type BuildOptions } from "./build-command.ts";
import { program, subcommand } from "./program.ts";

interface NewOptions extends BuildOptions {
  engine?: string;
}

/** The conda-containerize program. */
export function condaContainerize(): Command {
  const tool = program(
    "conda-containerize",
    "Install a conda environment into one image, with commands that run in it.",
  );
  addBuildOptions(
    subcommand(tool, "new", "Create an environment from an env.yml, an explicit list or a list of packages.")
      .argument(
        "<env>",
        "env.yml (a name with .yml or .yaml in it), an @EXPLICIT list, or a list of specifications",
      )
      .option(
        "--engine <engine>",
        "micromamba, mamba, conda, rattler or auto (default: conda_engine of the configuration)",
      ),
  )
    .addHelpText(
      "after",
      "\nExample:\n  conda-containerize new --prefix ./env env.yml\n  ./env/bin/python3 -c 'import sys; print(sys.prefix)'",
    )
    .action(async (env: string, options: NewOptions) => {
      const { buildFromFile } = await import("./build-from-file.ts");
      const flags =
        options.engine === undefined ? {} : { conda_engine: { value: options.engine, flag: "--engine" } };
      await buildFromFile({ tool: "conda", file: env, what: "Env file", uv: false, options, flags });
    });
  return tool;
}
