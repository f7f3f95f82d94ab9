import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import checkCommands from "../templates/check-commands.sh";
import { explainRuntimeFailure } from "../tools/singularity.ts";
import { type BuildContext, runLogged } from "./context.ts";

/** A first start compiles nothing and reads little; minutes mean that it hangs. */
const CHECK_TIMEOUT_MS = 300_000;

/** Prints where the environment's Python believes to be. */
const WHERE =
  "import sys;print(sys.executable);print(sys.prefix);print('.'.join(map(str,sys.version_info[:3])))";

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
  commands: readonly string[],
): Promise<string> {
  const env = { ...context.facts.environment };
  const inside = join(plan.placement.root, "bin");
  const start = async (name: string, args: readonly string[]): Promise<string> => {
    const finished = await runLogged(
      context,
      { argv: [join(stageBin, name), ...args], env, cwd: "/" },
      { timeoutMs: CHECK_TIMEOUT_MS },
    );
    if (finished.exitCode === 0) return finished.stdout;
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

  const hasPython = commands.includes("python3");
  // Both are waited for, so that nothing runs on when one fails; of two failures Python's says more.
  const [programs, where] = await Promise.allSettled([
    start("_debug_exec", ["/bin/sh", "-c", checkCommands, inside, ...commands]),
    hasPython ? start("python3", ["-c", WHERE]) : Promise.resolve(""),
  ]);
  if (where.status === "rejected") throw where.reason;
  if (programs.status === "rejected") throw programs.reason;
  const missing = programs.value.trim();
  if (missing !== "") {
    throw new KapseliError(
      ExitCode.checkOrPublishFailed,
      "commands of the environment are no programs inside",
      {
        lines: missing.split("\n").slice(0, 10),
        hint: "They lead to something that the base does not have; another base may.",
      },
    );
  }
  if (!hasPython) return `${commands.length} commands`;
  const [executable, prefix, version] = where.value.trim().split("\n");
  if (executable !== join(inside, "python3") || prefix !== plan.placement.root) {
    throw new KapseliError(
      ExitCode.checkOrPublishFailed,
      `Python believes to be ${executable} in ${prefix}`,
      {
        hint: `It should be ${inside}/python3 in ${plan.placement.root}; this is a defect of Kapseli or of the package.`,
      },
    );
  }
  return `${commands.length} commands, Python ${version}`;
}
