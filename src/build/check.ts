import { dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import { isEnvironment } from "../plan/request.ts";
import type { Commands } from "../prefix/wrapped.ts";
import { counted } from "../report/table.ts";
import checkCommands from "../templates/check-commands.sh";
import { explainRuntimeFailure } from "../tools/singularity.ts";
import { type BuildContext, runLogged } from "./context.ts";
import { betweenMarks, markedScript, newMark } from "./marked.ts";

/** A first start compiles nothing and reads little; minutes mean that it hangs. */
const CHECK_TIMEOUT_MS = 300_000;

/**
 * Prints where the environment's Python believes to be and which of some names are no programs in a directory, between
 * marks and NUL-separated, as check-commands.sh does where there is no Python.
 */
const LOOK = `import os, sys
mark, inside, *names = sys.argv[1:]
def is_program(name):
    path = os.path.join(inside, name)
    return os.path.isfile(path) and os.access(path, os.X_OK)
said = [sys.executable, sys.prefix, ".".join(map(str, sys.version_info[:3]))]
said += [name for name in names if not is_program(name)]
sys.stdout.write(mark)
sys.stdout.flush()
sys.stdout.buffer.write(b"\\0".join(os.fsencode(text) for text in said))
sys.stdout.buffer.flush()
print(mark)
`;

/**
 * Tries the new generation through its own launchers, as a user will call them, before it is published: every
 * command is a program inside, and Python starts and is where it should be.
 *
 * @returns what was seen, for people.
 * @throws {KapseliError} `checkOrPublishFailed` with what failed.
 */
export async function checkGeneration(
  context: BuildContext,
  plan: Plan,
  stageBin: string,
  commands: Commands,
): Promise<string> {
  const env = { ...context.facts.environment };
  const { location, placement } = plan;
  // Where the prefix shows links, they are bound over the prefix that is called: here the one in the work directory.
  const inside = location.view ? stageBin : join(placement.root, "bin");
  // A venv's Python calls the directory of its configuration its prefix: with a view, that is the view.
  const ownPrefix = location.view && plan.tool === "pip" ? dirname(stageBin) : location.environment;
  const directory = join(location.environment, "bin");
  const ofPackages = (name: string): boolean => {
    const target = commands.targets.get(name);
    return target === undefined || dirname(target) === directory;
  };
  // An environ script may print, too.
  const mark = newMark();
  const start = async (name: string, args: readonly string[]): Promise<string> => {
    const finished = await runLogged(
      context,
      { argv: [join(stageBin, name), ...args], env, cwd: "/" },
      { timeoutMs: CHECK_TIMEOUT_MS, shown: (line) => (line.includes(mark) ? undefined : line) },
    );
    if (finished.exitCode === 0) {
      const said = betweenMarks(finished.stdout, mark);
      if (said !== undefined) return said;
      throw new KapseliError(
        ExitCode.checkOrPublishFailed,
        `what the new environment's ${name} printed could not be read`,
        {
          lines: finished.lines.slice(-8),
          hint: "An --environ script or a start-up file of Python that closes or replaces stdout does that.",
        },
      );
    }
    const { message, hint, lines } = explainRuntimeFailure(finished.stderr);
    const why = finished.timedOut
      ? "it did not end within five minutes"
      : `it ended with ${finished.exitCode}`;
    throw new KapseliError(
      ExitCode.checkOrPublishFailed,
      `the new environment's ${name} does not start: ${why}`,
      {
        lines,
        hint: finished.exitCode === 255 ? `${message}. ${hint}` : "The lines above are its own.",
      },
    );
  };

  const hasPython = isEnvironment(plan.tool) && commands.names.includes("python3") && ofPackages("python3");
  // What `-w` found was looked at inside already, and may be there to be read only.
  const tried = commands.names.filter(ofPackages);
  const said = hasPython
    ? await start("python3", ["-c", LOOK, mark, inside, ...tried])
    : await start("_debug_exec", markedScript(mark, checkCommands, inside, ...tried));
  const parts = said.split("\0");
  const [executable, prefix, version] = hasPython ? parts.splice(0, 3) : [];
  const missing = parts.filter((name) => name !== "");
  if (missing.length > 0) {
    throw new KapseliError(
      ExitCode.checkOrPublishFailed,
      "commands of the environment are no programs inside",
      {
        lines: missing.slice(0, 10),
        hint: "They lead to something that the base does not have; another base may.",
      },
    );
  }
  if (!hasPython) return counted(commands.names.length, "command");
  if (executable !== join(inside, "python3") || prefix !== ownPrefix) {
    throw new KapseliError(
      ExitCode.checkOrPublishFailed,
      `Python believes to be ${executable} in ${prefix}`,
      {
        hint: `It should be ${inside}/python3 in ${ownPrefix}; this is a defect of Kapseli or of the package.`,
      },
    );
  }
  return `${counted(commands.names.length, "command")}, Python ${version}`;
}
