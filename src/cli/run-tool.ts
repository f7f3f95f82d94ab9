import { CommanderError } from "commander";
import { ExitCode, KapseliError } from "../errors.ts";
import { errorLine, errorObject, errorText } from "../report/error-text.ts";
import { condaContainerize } from "./conda-containerize.ts";
import { kapseli } from "./kapseli.ts";
import { pipContainerize } from "./pip-containerize.ts";

const PROGRAMS = { "conda-containerize": condaContainerize, "pip-containerize": pipContainerize, kapseli };

function writeError(error: unknown, argv: readonly string[]): void {
  if (argv.includes("--json")) process.stdout.write(`${JSON.stringify(errorObject(error))}\n`);
  // People pipe the tool to grep and look for errors there.
  else if (!process.stdout.isTTY) process.stdout.write(`${errorLine(error)}\n`);
  process.stderr.write(errorText(error, argv.includes("--debug")));
}

/** A reader that went away (`| head`) is no reason to stop a build half-way. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

/**
 * Runs one of the tools.
 *
 * @returns the exit code (errors.ts).
 */
export async function runTool(tool: string, argv: readonly string[]): Promise<number> {
  const make = Object.hasOwn(PROGRAMS, tool) ? PROGRAMS[tool as keyof typeof PROGRAMS] : undefined;
  if (!make) throw new RangeError(`there is no tool ${tool}`);
  outliveReaders();
  const program = make();
  if (argv.length === 0) {
    process.stdout.write(program.helpInformation());
    return ExitCode.ok;
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    writeError(error, argv);
    return error instanceof KapseliError ? error.code : ExitCode.unexpected;
  }
}
