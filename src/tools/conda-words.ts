import { posix } from "node:path";
import { parseArgs } from "node:util";
import type { ShimPlace } from "./conda-request.ts";

/** As `parseArgs` of node:util takes them. */
export type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>;

/** Which environment is meant. */
export const TARGET: Options = {
  name: { type: "string", short: "n" },
  prefix: { type: "string", short: "p" },
};
/** They ask for what is so anyway: nobody is asked, output goes to the log, files are copied into the image. */
export const QUIET: Options = {
  yes: { type: "boolean", short: "y" },
  quiet: { type: "boolean", short: "q" },
  verbose: { type: "boolean", short: "v" },
  json: { type: "boolean" },
};
export const CHANNELS: Options = {
  channel: { type: "string", short: "c", multiple: true },
  "override-channels": { type: "boolean" },
  "strict-channel-priority": { type: "boolean" },
  "no-channel-priority": { type: "boolean" },
};

/** What `parsed` found. */
export interface Parsed {
  values: Record<string, string | boolean | (string | boolean)[] | undefined>;
  positionals: string[];
}

/** Why a command line cannot be carried out; for people. */
export class Refused extends Error {}

/** @throws {Refused} */
export const refuse = (command: string, why: string): never => {
  throw new Refused(`${command}: not possible in a hook: ${why}`);
};

/**
 * Reads options and operands.
 *
 * @throws {Refused} for an option that is not among them.
 */
export function parsed(
  command: string,
  args: readonly string[],
  options: Options,
  positionals = true,
): Parsed {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: positionals, strict: true }) as Parsed;
  } catch (error) {
    const text = (error as Error).message;
    const option = /Unknown option '([^']*)'/.exec(text)?.[1];
    if (option !== undefined) return refuse(`${command} ${option}`, "this option is not known here");
    return refuse(command, text.split("\n")[0] ?? text);
  }
}

export const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
export const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** Whether a path of the caller's is the environment, under either of its names. */
export function isTheEnvironment(path: string, place: ShimPlace): boolean {
  const full = posix.resolve(place.cwd, path);
  return full === place.root || full === `${place.root}/miniforge/envs/${place.envName}`;
}

/**
 * The only environment there is must be meant: by name, by path, or because it is active.
 *
 * @throws {Refused}
 */
export function checkTarget(command: string, { values }: Parsed, place: ShimPlace): void {
  const [name, prefix] = [text(values.name), text(values.prefix)];
  const only = `there is only the environment ${place.envName}`;
  if (name !== undefined && name !== place.envName) {
    refuse(`${command} -n ${name}`, name === "base" ? `there is no base installation; ${only}` : only);
  }
  if (prefix !== undefined && !isTheEnvironment(prefix, place)) refuse(`${command} -p ${prefix}`, only);
  if (name === undefined && prefix === undefined && !isTheEnvironment(place.activePrefix || "/", place)) {
    refuse(command, `no environment is active here; name it with -n ${place.envName}`);
  }
}
