import { type Command, InvalidArgumentError } from "commander";
import { type EnvironmentName, parseEnvironmentName } from "../prefix/environment-name.ts";
import { subcommand } from "./program.ts";

function generationName(text: string): EnvironmentName["generation"] {
  const { directory, generation } = parseEnvironmentName(`PREFIX@${text}`);
  if (directory === "PREFIX") return generation;
  throw new InvalidArgumentError("A generation is a number from 1 upwards, or previous.");
}

/** `kapseli log`. */
export function addLog(tool: Command): void {
  subcommand(tool, "log", "Print the build log of an environment, or of one of its generations.")
    .argument("<prefix>", "the environment")
    .argument("[generation]", "its number, or previous (default: the current one)", generationName)
    .option("--json", "print it as JSON on stdout")
    .addHelpText("after", "\nExamples:\n  kapseli log ./env | less\n  kapseli log ./env 2")
    .action(
      async (
        prefix: string,
        generation: EnvironmentName["generation"] | undefined,
        options: { json?: boolean },
      ) => {
        const { environmentName, generationOf, logOf } = await import("../build/named.ts");
        const { objectText } = await import("../report/objects.ts");
        const { printable } = await import("../report/table.ts");
        const cwd = process.cwd();
        const name =
          generation === undefined ? await environmentName(prefix, cwd) : { directory: prefix, generation };
        const found = await generationOf(name, cwd);
        const log = await logOf(found);
        if (options.json) {
          process.stdout.write(objectText("log", { ...found, ...log }));
          return;
        }
        // What programs printed may move a terminal's cursor; files and pipes get it as it is.
        const lines = log.text.split("\n").map((line) => printable(line.replaceAll("\t", "    ")));
        process.stdout.write(process.stdout.isTTY ? lines.join("\n") : log.text);
      },
    );
}
