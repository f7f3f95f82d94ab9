import { posix } from "node:path";
import type { Diagnostic } from "../../src/inputs/diagnostic.ts";
import type { ReadContext } from "../../src/inputs/read-context.ts";
import { type ReadInput, readInput } from "../../src/inputs/read-input.ts";

/** The files that lie beside an input, by their path; directories are those of the files. */
export type Beside = Readonly<Record<string, string>>;

/** A context without a file system. */
export function contextWith(beside: Beside, more: Partial<ReadContext> = {}): ReadContext {
  const normal = (path: string) => posix.normalize(path);
  const paths = Object.keys(beside);
  return {
    readBeside: (path) => {
      const text = beside[normal(path)];
      return text === undefined ? undefined : new TextEncoder().encode(text);
    },
    existsBeside: (path) =>
      normal(path) === "." ||
      paths.some((one) => one === normal(path) || one.startsWith(`${normal(path).replace(/\/$/, "")}/`)),
    env: {},
    ...more,
  };
}

/** Reads an input given as text or bytes. */
export function reading(
  kind: "conda" | "pip",
  file: string,
  content: string | Uint8Array,
  beside: Beside = {},
  more: Partial<ReadContext> = {},
): ReadInput {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return readInput(kind, file, bytes, contextWith(beside, more));
}

/** Diagnostics as lines, `error 3:5 message`, with the file in front where it is another one. */
export function asLines(diagnostics: readonly Diagnostic[], file: string): string[] {
  return diagnostics.map((one) => {
    const place =
      one.line === undefined ? "-" : `${one.line}${one.column === undefined ? "" : `:${one.column}`}`;
    return `${one.severity} ${one.file === file ? "" : `${one.file}:`}${place} ${one.message}`;
  });
}

/** What is said about an environment file. */
export function saidOfYml(content: string | Uint8Array, beside: Beside = {}): string[] {
  return asLines(reading("conda", "dir/env.yml", content, beside).diagnostics, "dir/env.yml");
}

/** What is said about a list of conda packages. */
export function saidOfList(content: string | Uint8Array): string[] {
  return asLines(reading("conda", "dir/list.txt", content).diagnostics, "dir/list.txt");
}

/** What is said about a requirements file. */
export function saidOfPip(
  content: string | Uint8Array,
  beside: Beside = {},
  more: Partial<ReadContext> = {},
): string[] {
  return asLines(reading("pip", "dir/req.txt", content, beside, more).diagnostics, "dir/req.txt");
}
