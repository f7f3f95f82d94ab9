import { ExitCode, KapseliError } from "../errors.ts";

/** Continuation lines stand below the message, past its tag. */
const INDENT = "          ";

function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => `${INDENT}${line}`)
    .join("\n");
}

/** What failed, with its tag. */
function errorLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const where = error instanceof KapseliError && error.details.where ? `${error.details.where}: ` : "";
  return `[ ERROR ] ${where}${message}`;
}

/** What failed as a whole, in the words that scripts look for (tykky-surface.md §1.7); undefined before a build. */
function stageOf(error: KapseliError): string | undefined {
  switch (error.code) {
    case ExitCode.installFailed:
      return "Installation failed";
    case ExitCode.packingFailed:
      return "Creating the image failed";
    case ExitCode.checkOrPublishFailed:
      return "Wrapper generation failed";
    default:
      return undefined;
  }
}

/** The line that names the failed stage and how to see more; undefined where nothing was being built. */
function stageLine(error: unknown): string | undefined {
  const stage = error instanceof KapseliError ? stageOf(error) : undefined;
  if (stage === undefined) return undefined;
  return `[ ERROR ] ${stage}; CW_DEBUG_KEEP_FILES=1 keeps the build directory, CW_LOG_LEVEL=3 shows more`;
}

/** Further errors of the same kind, with their tags. */
function otherLines(error: unknown): string[] {
  const others = error instanceof KapseliError ? (error.details.others ?? []) : [];
  return others.map((other) => `[ ERROR ] ${other}`);
}

/** What of an error is found by `| grep ERROR`: the first line of each of its texts that have the tag. */
export function errorLines(error: unknown): string[] {
  const stage = stageLine(error);
  return [errorLine(error), ...otherLines(error), ...(stage === undefined ? [] : [stage])].map(
    (text) => text.split("\n", 1)[0] as string,
  );
}

/** The whole text of an error: what failed, the lines that matter, what to do, where the log is. */
export function errorText(error: unknown, debug: boolean): string {
  const parts = [errorLine(error), ...otherLines(error)];
  if (error instanceof KapseliError) {
    const { lines, hint, log } = error.details;
    if (lines && lines.length > 0) parts.push(indented(lines.map((line) => `| ${line}`).join("\n")));
    if (hint) parts.push(indented(`What to do: ${hint}`));
    if (log) parts.push(indented(`Full log: ${log}`));
  } else {
    parts.push(indented("This was not expected; run it again with --debug and report what it prints."));
  }
  const stage = stageLine(error);
  if (stage !== undefined) parts.push(stage);
  if (debug && error instanceof Error && error.stack) parts.push(indented(error.stack));
  return `${parts.join("\n")}\n`;
}

/** An error as one JSON object (docs/json.md). */
export function errorObject(error: unknown): Record<string, unknown> {
  const kind = { schema: "kapseli.error/1", event: "error" };
  if (!(error instanceof KapseliError))
    return { ...kind, code: 1, message: String((error as Error)?.message ?? error) };
  const { hint, where, lines, others, log } = error.details;
  return { ...kind, code: error.code, message: error.message, where, hint, lines, others, log };
}
