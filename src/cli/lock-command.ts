import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { lockSummary } from "../plan/lock-file.ts";
import { shellQuoteIfNeeded } from "../prefix/verification.ts";
import {
  addBaseOption,
  addCompressOption,
  addHookOptions,
  addReportOptions,
  type BuildOptions,
  carryOutLater,
  commonWanted,
  filled,
  handOver,
} from "./build-command.ts";
import { examples, subcommand } from "./program.ts";
import type { CarryOut } from "./wanted.ts";

/** The form of what `kapseli lock --json` prints. */
export const LOCK_SCHEMA = "kapseli.lock/1";

interface LockOptions {
  output?: string;
  generation?: number;
  json?: boolean;
}

function generationNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text))
    throw new InvalidArgumentError("A generation is a number from 1 upwards.");
  return Number(text);
}

async function lockCommand(prefix: string, options: LockOptions): Promise<void> {
  const { findLock } = await import("./request-rebuild.ts");
  const { replaceFile } = await import("../host/files.ts");
  const found = await findLock(prefix, options.generation);
  const { text, lock, source, path } = found;
  const output = options.output === undefined ? undefined : resolve(options.output);
  if (output !== undefined) await replaceFile(output, text);
  if (options.json) {
    const { platform, counts } = lock;
    const place = { root: source?.root ?? null, generation: source?.generation ?? null };
    const json = {
      schema: LOCK_SCHEMA,
      ...place,
      path: output ?? path,
      platform: platform ?? null,
      counts,
      text,
    };
    process.stdout.write(`${JSON.stringify(json)}\n`);
    return;
  }
  const of = source ? `generation ${source.generation} of ${source.root}` : path;
  const said = `[ INFO ] ${lockSummary(lock)}: what ${of} holds, exactly\n`;
  if (output === undefined) {
    process.stdout.write(text);
    process.stderr.write(said);
    return;
  }
  const again = `kapseli rebuild ${shellQuoteIfNeeded(output)} --prefix NEW`;
  process.stdout.write(`${said}         written to ${output}; to have the same elsewhere: ${again}\n`);
}

/** `kapseli lock` and `kapseli rebuild`. */
export function addLock(tool: Command, carryOut: CarryOut = carryOutLater): void {
  const lock = subcommand(
    tool,
    "lock",
    "Print the lock of an environment: the exact packages in it, from which the same can be built again.",
  )
    .argument("<prefix>", "the environment", filled)
    .option("-o, --output <file>", "write it to this file", filled)
    .option("--generation <number>", "of this generation (default: the current one)", generationNumber)
    .option("--json", "print it as JSON on stdout");
  examples(lock, ["kapseli lock ./env > environment.lock", "kapseli lock -o environment.lock ./env"]).action(
    lockCommand,
  );

  const rebuild = subcommand(
    tool,
    "rebuild",
    "Build the same packages again from a lock: in the same prefix, or elsewhere.",
  )
    .argument("<from>", "an environment, which may be damaged, or a lock file", filled)
    .option(
      "--prefix <dir>",
      "where to install (default: the environment itself, as its next generation)",
      filled,
    )
    .option(
      "--generation <number>",
      "the packages of this generation (default: the current one, or the newest that has its lock)",
      generationNumber,
    );
  addHookOptions(rebuild);
  addBaseOption(rebuild);
  addCompressOption(rebuild);
  addReportOptions(rebuild);
  rebuild.addHelpText(
    "after",
    "\nFrom an environment it takes also how that was installed and is run (its base, its variables, -w). What scripts did besides installing packages is not in a lock.",
  );
  examples(rebuild, [
    "kapseli rebuild ./env",
    "kapseli rebuild ./env --prefix /scratch/copy",
    "kapseli rebuild environment.lock --prefix ./env",
  ]).action((from: string, options: BuildOptions & { generation?: number }) =>
    handOver(carryOut, {
      ...commonWanted(options),
      command: "rebuild",
      from,
      ...(options.generation === undefined ? {} : { generation: options.generation }),
    }),
  );
}
