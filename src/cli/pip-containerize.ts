import type { Command } from "commander";
import { addBuildOptions, type BuildOptions } from "./build-command.ts";
import { program, subcommand } from "./program.ts";

interface NewOptions extends BuildOptions {
  uv?: boolean;
}

/** The pip-containerize program. */
export function pipContainerize(): Command {
  const tool = program(
    "pip-containerize",
    "Install Python packages into one image, with commands that run in it.",
  );
  addBuildOptions(
    subcommand(tool, "new", "Create an environment from a requirements file, on the python3 of your PATH.")
      .argument("<requirements>", "a requirements file, as pip takes it")
      .option("--uv", "install with uv, which is faster"),
  )
    .addHelpText(
      "after",
      "\nExample:\n  pip-containerize new --prefix ./env requirements.txt\n  ./env/bin/python3 -c 'import sys; print(sys.prefix)'",
    )
    .action(async (requirements: string, options: NewOptions) => {
      const { buildFromFile } = await import("./build-from-file.ts");
      await buildFromFile({
        tool: "pip",
        file: requirements,
        what: "Requirements file",
        uv: options.uv === true,
        options,
        flags: {},
      });
    });
  return tool;
}
