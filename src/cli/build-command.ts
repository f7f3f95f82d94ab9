import type { Command } from "commander";

/** Options that every command which builds has. */
export interface BuildOptions {
  prefix?: string;
  base?: string;
  tmpdir?: string;
  dryRun?: boolean;
  json?: boolean;
  debug?: boolean;
}

export function addBuildOptions(command: Command): Command {
  return command
    .option(
      "--prefix <dir>",
      "where to install (default: installation_prefix of the configuration, else the current directory)",
    )
    .option(
      "--base <base>",
      "run over this base: host, another name (kapseli bases lists them), a SIF or directory, or an image URI",
    )
    .option(
      "--tmpdir <dir>",
      "build below this directory (default: local storage with room; CW_BUILD_TMPDIR)",
    )
    .option(
      "--dry-run",
      "print what would be done, with the commands that are known beforehand, and touch nothing",
    )
    .option("--json", "print events and the result as JSON, one object a line, on stdout")
    .option("--debug", "print every command and its output, and stack traces");
}
