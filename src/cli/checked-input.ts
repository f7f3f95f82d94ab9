import { basename, isAbsolute, resolve } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { besides, readInputFile } from "../host/input-file.ts";
import type { Diagnostic } from "../inputs/diagnostic.ts";
import type { ReadContext } from "../inputs/read-context.ts";
import { readInput } from "../inputs/read-input.ts";
import type { NamedFile } from "../inputs/requirements.ts";
import type { IncludedFile, Input, InputValue } from "../plan/request.ts";
import type { Report } from "../report/events.ts";

/** An input file as the command line names it. */
export interface NamedInput {
  tool: "conda" | "pip";
  file: string;
  /** What the file is called in messages. */
  what: string;
}

function place(diagnostic: Diagnostic): string {
  const { file, line, column } = diagnostic;
  return [file, ...(line === undefined ? [] : [line]), ...(column === undefined ? [] : [column])].join(":");
}

function sentence(diagnostic: Diagnostic): string {
  const end = diagnostic.hint && !/[.!?:]$/.test(diagnostic.message) ? "." : "";
  return `${place(diagnostic)}: ${diagnostic.message}${end}${diagnostic.hint ? ` ${diagnostic.hint}` : ""}`;
}

/** The files that the input includes, with the names they are carried along under. */
function includedFiles(content: InputValue, context: ReadContext): IncludedFile[] {
  const named: readonly NamedFile[] =
    content.format === "requirements"
      ? content.value.files
      : content.format === "environment-yml"
        ? (content.value.pip?.requirements.files ?? [])
        : [];
  const paths = named
    .filter(({ kind, exists }) => exists && (kind === "requirement" || kind === "constraint"))
    .map(({ resolved }) => resolved);
  return [...new Set(paths)].flatMap((path, index): IncludedFile[] => {
    const bytes = context.readBeside(path);
    const outside = isAbsolute(path) || path.split("/").includes("..");
    return bytes ? [{ name: outside ? `included-${index + 1}/${basename(path)}` : path, bytes }] : [];
  });
}

/** Reads and checks the input file; warnings are reported, all errors thrown as one. */
export async function checkedInput(
  wanted: NamedInput,
  platform: string,
  environment: Record<string, string>,
  report: Report,
): Promise<Input> {
  const path = resolve(wanted.file);
  const { bytes, regular } = await readInputFile(path, wanted.what);
  const context = besides(path, environment, platform);
  const reading = readInput(wanted.tool, wanted.file, bytes, context);
  const errors = reading.diagnostics.filter(({ severity }) => severity === "error");
  const [first, ...others] = errors;
  if (first || reading.value === undefined) {
    throw new KapseliError(ExitCode.badInput, first?.message ?? `${wanted.file} holds nothing`, {
      ...(first ? { where: place(first) } : {}),
      others: others.map(sentence),
      ...(first?.hint ? { hint: first.hint } : {}),
    });
  }
  for (const diagnostic of reading.diagnostics) {
    if (diagnostic.severity === "warning") report({ event: "warning", message: sentence(diagnostic) });
    else if (diagnostic.severity === "note") report({ event: "milestone", message: sentence(diagnostic) });
  }
  const content = { format: reading.format, value: reading.value } as InputValue;
  return { path, regular, bytes, content, included: includedFiles(content, context) };
}
