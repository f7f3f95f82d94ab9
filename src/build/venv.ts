import { dirname, join } from "node:path";
import * as z from "zod";
import { ExitCode, KapseliError } from "../errors.ts";
import { exists, makeDirectories, readdir, removeEmptyDirectories, rm, stat } from "../host/files.ts";
import { type Finished, run } from "../host/processes.ts";
import { Undo } from "../host/undo.ts";
import { prefixPaths } from "../prefix/layout.ts";
import makeVenvScript from "../templates/make_venv.py";
import { findLaunchable, type LaunchableEnvironment, reachable } from "./environment.ts";

export interface VenvRequest {
  /** Absolute path of the prefix. */
  prefix: string;
  /** Absolute path of the directory to make. */
  directory: string;
  environment: Readonly<Record<string, string>>;
  signal: AbortSignal;
}

/** A virtual environment that was made and tried. */
export interface VenvResult {
  directory: string;
  root: string;
  /** X.Y of its Python. */
  version: string;
  /** What `DIR/bin/pip` is: the environment's pip, one of its own, or none. */
  pip: "environment" | "own" | "none";
}

const Said = z.union([
  z.object({ error: z.string() }),
  z.object({
    pip: z.enum(["environment", "own", "none"]),
    version: z.string(),
    packages: z.array(z.string()),
  }),
]);

const TIMEOUT_MS = 300_000;
/** A program of the environment that prints what a new venv must be. */
const LOOK = "import json, sys; print(json.dumps([sys.prefix, sys.path]))";

function refuse(message: string, hint: string): never {
  throw new KapseliError(ExitCode.badInput, message, { hint });
}

/** @throws {KapseliError} `badInput` when a venv cannot be made there. */
async function checkDirectory(directory: string, environment: LaunchableEnvironment): Promise<void> {
  const shown = JSON.stringify(directory);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const odd = /[\x00-\x1f\x7f\ufffd:]/.exec(directory)?.[0];
  if (odd !== undefined) {
    refuse(
      `a virtual environment cannot be in ${shown}: its path holds ${odd === "\ufffd" ? "bytes that are not UTF-8" : JSON.stringify(odd)}`,
      "Choose another directory.",
    );
  }
  for (const inside of [environment.root, environment.launcher.root]) {
    if (`${directory}/`.startsWith(`${inside}/`)) {
      refuse(
        `${directory} is below the environment ${inside}, whose image would cover it`,
        "Choose a directory outside of it.",
      );
    }
  }
  const info = await stat(directory).catch(() => undefined);
  if (!info) return;
  if (!info.isDirectory())
    refuse(`${directory} is in the way: it is not a directory`, "Choose another directory.");
  if ((await readdir(directory)).length > 0)
    refuse(`${directory} is in the way: it is not empty`, "Choose another directory.");
}

function failed(what: string, ran: Finished): KapseliError {
  return new KapseliError(ExitCode.installFailed, what, {
    lines: `${ran.stdout}\n${ran.stderr}`.trim().split("\n").slice(-10),
    hint: "Correct what the lines above say and run the same command again.",
  });
}

function parse<T>(schema: z.ZodType<T>, ran: Finished): T | undefined {
  try {
    return schema.parse(JSON.parse(ran.stdout.trim().split("\n").at(-1) ?? ""));
  } catch {
    return undefined;
  }
}

/**
 * Makes a virtual environment on top of an environment, whatever that is: its python starts through the environment's
 * launcher, the environment's packages are seen after its own, and pip installs into it. On failure nothing is left.
 *
 * @throws {KapseliError} `badInput` for a wrong prefix or directory, `hostCannot` when the directory cannot be made,
 * `installFailed` when Python cannot make it or it does not work.
 */
export async function makeVenv(request: VenvRequest): Promise<VenvResult> {
  const environment = await findLaunchable(request.prefix);
  const { root, launcher } = environment;
  if (environment.moved) {
    refuse(
      `the environment in ${root} was built for ${launcher.root}, and a virtual environment would refer to that place`,
      "Build it again here first, or move it back.",
    );
  }
  const name = ["python3", "python"].find((one) => launcher.commands.includes(one));
  if (name === undefined)
    return refuse(`the environment in ${root} has no python3`, "Build one with Python.");
  const directory = await reachable(request.directory);
  await checkDirectory(directory, environment);

  const python = join(prefixPaths(root).bin, name);
  const undo = new Undo();
  const ask = (argv: [string, ...string[]]): Promise<Finished> =>
    // Where it is called from may not be there inside.
    run(
      { argv, env: { ...request.environment }, cwd: dirname(directory) },
      { signal: request.signal, timeoutMs: TIMEOUT_MS },
    );
  try {
    try {
      const made = await makeDirectories(directory);
      undo.add(() => removeEmptyDirectories(made));
    } catch (cause) {
      throw new KapseliError(
        ExitCode.hostCannot,
        `${directory} cannot be made: ${(cause as Error).message.replace(/,[^,]*$/, "")}`,
        { hint: "Choose a directory in which you can write.", cause },
      );
    }
    undo.add(async () => {
      for (const entry of await readdir(directory))
        await rm(join(directory, entry), { recursive: true, force: true });
    });
    const ran = await ask([python, "-I", "-c", makeVenvScript, directory, python]);
    const said = ran.exitCode === 0 ? parse(Said, ran) : undefined;
    if (!said)
      throw failed(`the Python of ${root} could not make a virtual environment in ${directory}`, ran);
    if ("error" in said) {
      throw new KapseliError(
        ExitCode.installFailed,
        `no virtual environment can be made on ${root}: ${said.error}`,
        {
          hint: "Build the environment with a complete Python.",
        },
      );
    }
    if (!(await exists(join(directory, "pyvenv.cfg")))) {
      refuse(
        `${directory} is not visible inside the container of ${root}`,
        "Choose a directory that is, below your home directory for instance.",
      );
    }
    const looked = await ask([join(directory, "bin", "python"), "-c", LOOK]);
    const seen = parse(z.tuple([z.string(), z.array(z.string())]), looked);
    if (!seen || seen[0] !== directory || !said.packages.every((path) => seen[1].includes(path))) {
      throw failed(`the virtual environment in ${directory} does not work`, looked);
    }
    return { directory, root, version: said.version, pip: said.pip };
  } catch (error) {
    await undo.run().catch(() => undefined);
    throw error;
  }
}
