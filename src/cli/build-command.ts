import { type Command, InvalidArgumentError, Option } from "commander";
import { COMPRESSION_LEVELS } from "../tools/mksquashfs.ts";
import { AddedOption } from "./program.ts";
import type { CarryOut, CommonWanted, Wanted } from "./wanted.ts";

/** Options that commands which build have; each command has some of them. */
export interface BuildOptions {
  prefix?: string;
  preInstall?: string;
  postInstall?: string;
  environ?: string;
  wrapperPaths?: readonly string[];
  base?: string;
  compress?: string;
  tmpdir?: string;
  dryRun?: boolean;
  json?: boolean;
  debug?: boolean;
  portable?: boolean;
}

/** A value that is not empty: where one is, a variable in the calling script is unset. */
export function filled(value: string): string {
  if (value === "") throw new InvalidArgumentError("It is empty.");
  return value;
}

/** The items of a comma list; each is there. */
export function commaList(value: string): string[] {
  const items = value.split(",");
  if (items.some((item) => item.trim() === "")) {
    throw new InvalidArgumentError("An item of the list is empty; it looks like this: bin,share/tools/run");
  }
  return items;
}

const valued = (flags: string, description: string): Option =>
  new Option(flags, description).argParser(filled);

export function addPrefixOption(command: Command): Command {
  return command.addOption(
    valued(
      "--prefix <dir>",
      "where to install; made with its parents where it is missing (default: installation_prefix of the " +
        "configuration, else the current directory)",
    ),
  );
}

export function addHookOptions(command: Command): Command {
  return command
    .addOption(
      valued(
        "--pre-install <file>",
        "bash script to run in the container before anything is installed (default: none)",
      ),
    )
    .addOption(
      valued(
        "--post-install <file>",
        "bash script to run in the container after the installation, with the environment active (default: none)",
      ),
    );
}

export function addRunTimeOptions(command: Command, wrapperPaths: string): Command {
  return command
    .addOption(
      valued(
        "--environ <file>",
        "bash script that is sourced on the host before each start of one of the environment's commands; what it " +
          "exports reaches the program (default: none)",
      ),
    )
    .addOption(new Option("-w, --wrapper-paths <a,b,c>", wrapperPaths).argParser(commaList));
}

/** Which programs -w names where the environment has its own already. */
export const MORE_WRAPPER_PATHS =
  "further directories or files, separated by commas, whose programs become commands too: relative to the " +
  "environment's root, or absolute inside the container (default: only the environment's bin)";

export function addCacheOption(command: Command): Command {
  return command.option(
    "--nocache",
    "install without the download caches of pip and uv, and compile every Python file (default: caches are used)",
  );
}

export function addRemoveWrapperPaths(command: Command): Command {
  return command.addOption(
    new AddedOption(
      "--remove-wrapper-paths <a,b,c>",
      "items of earlier -w options to forget, separated by commas (default: all are kept)",
    ).argParser(commaList),
  );
}

export function addBaseOption(command: Command): Command {
  return command.addOption(
    new AddedOption(
      "--base <base>",
      "run over this base: host, another name (kapseli bases lists them), a SIF or directory, or an image URI " +
        "(default: container_src of the configuration)",
    ).argParser(filled),
  );
}

export function addCompressOption(command: Command): Command {
  return command.addOption(
    new AddedOption(
      "--compress <level>",
      "how the image is compressed: fast (packed and read faster, some 40 % larger), default, or small (some 13 % " +
        "smaller, packed some 15 times slower); updates keep it (default: compression_level of the configuration)",
    ).choices(COMPRESSION_LEVELS),
  );
}

export function addPortableOption(command: Command): Command {
  return command.addOption(
    new AddedOption(
      "--portable",
      "mount the image at a neutral path so that it can travel to other places and machines (default: it is " +
        "mounted at the prefix)",
    ),
  );
}

/** Options that each command which builds has. */
export function addReportOptions(command: Command): Command {
  return command
    .addOption(
      new AddedOption(
        "--tmpdir <dir>",
        "build below this directory (default: CW_BUILD_TMPDIR, else build_tmpdir_base of the configuration, else " +
          "local storage with room)",
      ).argParser(filled),
    )
    .addOption(
      new AddedOption(
        "--dry-run",
        "print what would be done, with the commands that are known beforehand, and touch nothing",
      ),
    )
    .addOption(new AddedOption("--json", "print events and the result as JSON, one object a line, on stdout"))
    .addOption(new AddedOption("--debug", "print every command and its output, and stack traces"));
}

/** An object without the keys that are undefined. */
export function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** What the options that all commands share ask for. */
export function commonWanted(options: BuildOptions): CommonWanted {
  const { prefix, preInstall, postInstall, environ, wrapperPaths, base, compress, tmpdir } = options;
  return {
    ...given({ prefix, preInstall, postInstall, environ, wrapperPaths, base, compress, tmpdir }),
    dryRun: options.dryRun === true,
    json: options.json === true,
    debug: options.debug === true,
    portable: options.portable === true,
  };
}

/** The executor, loaded when there is something to do: help does not wait for it. */
export const carryOutLater: CarryOut = async (wanted) => {
  const { carryOut } = await import("./carry-out.ts");
  await carryOut(wanted);
};

/** Hands a command line's wishes over; options that have no effect are said first. */
export async function handOver(
  carryOut: CarryOut,
  wanted: Wanted,
  warnings: readonly string[] = [],
): Promise<void> {
  if (warnings.length > 0) {
    const { chooseReport, logLevel } = await import("./reporting.ts");
    const level = Number.parseInt(process.env.CW_LOG_LEVEL ?? "2", 10);
    const { report, end } = chooseReport(wanted, logLevel(Number.isNaN(level) ? 2 : level, wanted.debug));
    for (const message of warnings) report({ event: "warning", message });
    end();
  }
  await carryOut(wanted);
}
