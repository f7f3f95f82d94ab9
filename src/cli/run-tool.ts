import { CommanderError } from "commander";
import { ExitCode, KapseliError } from "../errors.ts";
import { sameOutput } from "../host/outputs.ts";
import { errorLines, errorObject, errorText } from "../report/error-text.ts";
import { EndsWith } from "./program.ts";
import { PROGRAMS } from "./programs.ts";

function writeError(error: unknown, options: { json?: boolean; debug?: boolean }): void {
  if (options.json) process.stdout.write(`${JSON.stringify(errorObject(error))}\n`);
  // People pipe the tool to grep and look for errors there; where both go to one place, once is enough.
  else if (!process.stdout.isTTY && !sameOutput()) {
    for (const line of errorLines(error)) process.stdout.write(`${line}\n`);
  }
  process.stderr.write(errorText(error, options.debug === true));
}

/** Whether a command line that was not understood asks for JSON. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end < 0 ? undefined : end).includes("--json");
}

/** An error of the command line; commander has said it to people. */
function usageObject(error: CommanderError): Record<string, unknown> {
  return errorObject(new KapseliError(ExitCode.usage, error.message.replace(/^error: /, "")));
}

/**
 * A reader that went away (`| head`) or a full disk behind a log is no reason to stop a build half-way. What could
 * not be written for want of space is said once at the end, where that is possible.
 */
function outliveReaders(): () => boolean {
  let lost = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") lost = true;
  });
  process.stderr.on("error", () => undefined);
  return () => lost;
}

/**
 * Runs one of the tools.
 *
 * @returns the exit code (errors.ts).
 */
export async function runTool(tool: string, argv: readonly string[]): Promise<number> {
  const make = Object.hasOwn(PROGRAMS, tool) ? PROGRAMS[tool] : undefined;
  if (!make) throw new RangeError(`there is no tool ${tool}`);
  const outputLost = outliveReaders();
  const program = make();
  if (argv.length === 0) {
    program.outputHelp();
    return ExitCode.ok;
  }
  let options: { json?: boolean; debug?: boolean } = {};
  program.hook("preAction", (_program, command) => {
    options = command.opts();
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
    if (!outputLost()) return ExitCode.ok;
    process.stderr.write("[ ERROR ] standard output could not be written; what was asked for is done\n");
    return ExitCode.unexpected;
  } catch (error) {
    if (error instanceof EndsWith) return error.code;
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return ExitCode.ok;
      if (asksForJson(argv)) process.stdout.write(`${JSON.stringify(usageObject(error))}\n`);
      return ExitCode.usage;
    }
    writeError(error, options);
    return error instanceof KapseliError ? error.code : ExitCode.unexpected;
  }
}
