import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { ExitCode, KapseliError } from "../errors.ts";
import { subcommand } from "./program.ts";
import { launchRequest, programWords } from "./run-command.ts";

interface WarmOptions {
  node?: boolean;
  owner?: string;
  directory?: string;
}

const USAGE = "kapseli warm PREFIX -- COMMAND [ARGUMENT...]";

function usage(message: string): KapseliError {
  return new KapseliError(ExitCode.usage, `warm: ${message}`, {
    hint: `${USAGE}, or: kapseli warm --node PREFIX`,
  });
}

/** For activation, which makes the directory, shows nothing and removes the directory when this fails. */
async function holdForShell(prefix: string, options: WarmOptions): Promise<void> {
  const { directory } = options;
  const owner = Number(options.owner);
  if (!directory?.startsWith("/") || !Number.isSafeInteger(owner) || owner < 1) {
    throw usage("--owner and --directory are for activation");
  }
  const { holdWarm } = await import("../build/warm.ts");
  const { environment } = launchRequest(prefix, {});
  const warm = await holdWarm({ prefix, directory, removed: [directory], owner, environment });
  if (!warm.held) throw new KapseliError(ExitCode.hostCannot, `${prefix} is not held warm: ${warm.reason}`);
}

function sayCold(prefix: string, reason: string): void {
  process.stderr.write(
    `[ WARNING ] ${prefix} is not held warm, its commands start in the ordinary way: ${reason}\n`,
  );
}

async function holdForNode(prefix: string): Promise<void> {
  const { sharedPlace } = await import("../build/warm-place.ts");
  const { holdWarm, removePlaces } = await import("../build/warm.ts");
  const { environment } = launchRequest(prefix, {});
  const place = await sharedPlace(environment);
  const owner = process.ppid;
  const warm = await holdWarm({ prefix, ...place, owner, environment });
  if (warm.held) {
    process.stdout.write(`[ INFO ] ${prefix} is held warm on this node until process ${owner} ends\n`);
    return;
  }
  await removePlaces(place.removed);
  sayCold(prefix, warm.reason);
}

/** The command, with the environment's own commands first in PATH; ends with its exit code. */
async function holdForCommand(
  prefix: string,
  [name, ...args]: readonly [string, ...string[]],
): Promise<never> {
  const { commandPlace } = await import("../build/warm-place.ts");
  const { commandDirectory, holdWarm, removePlaces } = await import("../build/warm.ts");
  const { become } = await import("../host/become.ts");
  const { findPrograms } = await import("../host/facts.ts");
  const { environment } = launchRequest(prefix, {});
  const bin = await commandDirectory(prefix);
  const PATH = environment.PATH ? `${bin}:${environment.PATH}` : bin;
  const [file] = name.includes("/") ? [name] : findPrograms(name, PATH);
  if (file === undefined) {
    throw new KapseliError(ExitCode.badInput, `warm: ${name} is neither in ${bin} nor in PATH`, {
      hint: USAGE,
    });
  }
  const place = await commandPlace(environment);
  const request = { prefix, ...place, owner: process.pid, environment: { ...environment, PATH } };
  const warm = await holdWarm(request);
  if (!warm.held) {
    await removePlaces(place.removed);
    sayCold(prefix, warm.reason);
  }
  const env = { ...environment, PATH, ...(warm.held ? { KAPSELI_WARM: place.directory } : {}) };
  // In a process of its own: what this one would become had SIGPIPE ignored.
  process.exit(await become([file, ...args], env, { asChild: true }));
}

/** `kapseli warm`. */
export function addWarm(tool: Command): void {
  subcommand(
    tool,
    "warm",
    "Hold the container of an environment open, so that its commands start as fast as ordinary programs.",
  )
    .usage("[--node] PREFIX [-- COMMAND [ARGUMENT...]]")
    .argument("<prefix>", "the environment")
    .argument(
      "[command...]",
      "the command for whose time it is held; it finds those of the environment in PATH",
    )
    .passThroughOptions()
    .option(
      "--node",
      "for all of your processes of this job (without a job: of this login) on this node, until the calling shell ends",
    )
    .addOption(new Option("--owner <pid>").hideHelp())
    .addOption(new Option("--directory <dir>").hideHelp())
    .addHelpText(
      "after",
      "\nThe exit code, the standard streams and signals are the command's.\n\nExamples:\n  kapseli warm ./env -- make test\n  kapseli warm --node ./env",
    )
    .action(async (given: string, words: string[], options: WarmOptions) => {
      const prefix = resolve(given);
      const [name, ...args] = await programWords(USAGE, words);
      if (options.owner !== undefined) return holdForShell(prefix, options);
      if (options.node) {
        if (name !== undefined) throw usage("--node takes no command");
        return holdForNode(prefix);
      }
      if (name === undefined || name === "") throw usage("there is no command to run");
      return holdForCommand(prefix, [name, ...args]);
    });
}
