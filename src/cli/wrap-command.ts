import { resolve } from "node:path";
import type { Command } from "commander";
import {
  addBaseOption,
  addCompressOption,
  addReportOptions,
  type BuildOptions,
  carryOutLater,
  commonWanted,
  filled,
  handOver,
} from "./build-command.ts";
import { examples, subcommand } from "./program.ts";
import type { CarryOut } from "./wanted.ts";

interface WrapOptions extends BuildOptions {
  compile?: boolean;
}

/** `kapseli wrap`, `unwrap` and `discard-original`: environments that become prefixes where they are. */
export function addWrap(tool: Command, carryOut: CarryOut = carryOutLater): void {
  const wrap = subcommand(
    tool,
    "wrap",
    "Make a venv, conda or pixi environment a prefix where it is: one image instead of its many files.",
  )
    .argument("<dir>", "the environment, or a project with one .venv or .pixi environment", filled)
    .option("--compile", "compile what of its Python is not compiled yet first, for faster imports");
  addBaseOption(wrap);
  addCompressOption(wrap);
  addReportOptions(wrap);
  examples(wrap, ["kapseli wrap .venv", "kapseli unwrap .venv"]).action(
    (directory: string, options: WrapOptions) =>
      handOver(carryOut, {
        ...commonWanted(options),
        command: "wrap-install",
        directory,
        mask: false,
        inPlace: true,
        compile: options.compile === true,
      }),
  );
  subcommand(tool, "unwrap", "Give a directory back that was wrapped in place, as it was.")
    .argument("<dir>", "what was given to kapseli wrap", filled)
    .option("--json", "print the result as JSON on stdout")
    .action(async (directory: string, options: { json?: boolean }) => {
      const { unwrapCommand } = await import("./unwrap.ts");
      await unwrapCommand(resolve(directory), options.json === true);
    });
  subcommand(
    tool,
    "discard-original",
    "Remove the files that are kept beside a directory that was wrapped in place.",
  )
    .argument("<dir>", "what was given to kapseli wrap", filled)
    .action(async (directory: string) => {
      const { discardOriginal } = await import("../build/unwrap.ts");
      const removed = await discardOriginal(resolve(directory));
      process.stdout.write(
        `[ INFO ] ${removed === undefined ? "there is no original to remove" : `${removed} is removed`}\n`,
      );
    });
}

/** `kapseli relocate`: an environment that was moved or copied is rewritten for its present place. */
export function addRelocate(tool: Command, carryOut: CarryOut = carryOutLater): void {
  const relocate = subcommand(
    tool,
    "relocate",
    "Rewrite an environment that was moved or copied for the place where it is now.",
  ).argument("<prefix>", "the environment", filled);
  addReportOptions(relocate);
  relocate.action((directory: string, options: BuildOptions) =>
    handOver(carryOut, { ...commonWanted(options), command: "relocate", directory }),
  );
}
