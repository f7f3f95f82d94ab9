import type { Diagnostic } from "./diagnostic.ts";
import type { ReadContext } from "./read-context.ts";
import { RequirementsReader } from "./requirements-reader.ts";
import type { SourceLine } from "./text.ts";

/** One package that pip is asked for. */
export interface Requirement {
  /** As written, without comment and options. */
  text: string;
  /** Absent for an address or a path that does not tell. */
  name?: string;
  extras: string[];
  /** Version specifiers such as `>=1,<2`; empty for any version. */
  specifier: string;
  marker?: string;
  /** An address. It may hold credentials. */
  url?: string;
  editable: boolean;
  /** Whether it stands in a constraints file: it limits a version and installs nothing. */
  constraint: boolean;
  hashes: { algorithm: string; value: string }[];
  file: string;
  line: number;
}

/** A file or directory that a requirements file names and that must be where the installer runs. */
export interface NamedFile {
  /** `editable`: after -e. `local`: a package's directory or archive. `find-links`: a directory with packages. */
  kind: "requirement" | "constraint" | "editable" | "local" | "find-links";
  /** As written. */
  written: string;
  /** Relative to the directory of the input file, normalized; absolute where written so. */
  resolved: string;
  exists: boolean;
  /** Where it is named. */
  file: string;
  line: number;
}

/** Options that hold for the whole file, as written (`${NAME}` is not expanded). Addresses may hold credentials. */
export interface IndexOptions {
  indexUrl?: string;
  extraIndexUrls: string[];
  findLinks: string[];
  trustedHosts: string[];
  noIndex: boolean;
  pre: boolean;
  preferBinary: boolean;
  requireHashes: boolean;
  noBinary: string[];
  onlyBinary: string[];
  useFeatures: string[];
}

/** What a requirements file and everything that it includes ask for. */
export interface Requirements {
  requirements: Requirement[];
  options: IndexOptions;
  /** In the order of the lines, those of an included file after the file itself. */
  files: NamedFile[];
}

/**
 * Reads a requirements file and what it includes.
 * Included files are looked for beside the file that names them; packages' paths beside the input file, where
 * the installer is to be started (pip takes them relative to its working directory).
 * Source of the format: pip, "Requirements File Format", and pip 26.3's `req_file.py` and `constructors.py`.
 */
export function readRequirements(
  file: string,
  text: string,
  context: ReadContext,
): { value: Requirements; diagnostics: Diagnostic[] } {
  const reader = new RequirementsReader(file, context);
  reader.readText(text);
  return reader.result();
}

/** The same for lines that stand in another file, as in the `pip:` list of an environment file. */
export function readRequirementLines(
  file: string,
  lines: readonly SourceLine[],
  context: ReadContext,
): { value: Requirements; diagnostics: Diagnostic[] } {
  const reader = new RequirementsReader(file, context);
  reader.readLines(lines);
  return reader.result();
}
