import { resolve } from "node:path";
import type { Command } from "commander";
import type { RepairRequest } from "../build/repair.ts";
import type { Verification, VerifyRequest } from "../build/verify.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { confirm } from "./confirm.ts";
import { EndsWith, examples, subcommand } from "./program.ts";

interface VerifyOptions {
  quick?: boolean;
  repair?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** The build of the same packages again failed: asking for it once more helps nobody. */
const NOT_MENDED: readonly number[] = [
  ExitCode.installFailed,
  ExitCode.packingFailed,
  ExitCode.checkOrPublishFailed,
];

/** Builds the same packages again; as JSON, its events are lines before the report. */
async function rebuild(root: string, generation: number, json: boolean): Promise<void> {
  const { carryOut } = await import("./carry-out.ts");
  const wanted = { command: "rebuild", from: root, generation } as const;
  await carryOut({ ...wanted, dryRun: false, json, debug: false, portable: false });
}

async function repaired(request: VerifyRequest, first: Verification, options: VerifyOptions) {
  const { hostFacts } = await import("../host/facts.ts");
  const { readConfig } = await import("./read-config.ts");
  const { repair } = await import("../build/repair.ts");
  const facts = hostFacts(process.env, process.cwd());
  const { config } = await readConfig({}, facts);
  const asked: RepairRequest = {
    ...request,
    facts,
    cacheDirectory: config.cache_directory.value,
    now: new Date(),
    confirm: (question) => confirm(question, options.yes === true),
    rebuild: (root, generation) => rebuild(root, generation, options.json === true),
  };
  return repair(asked, first);
}

async function verifyCommand(prefix: string, options: VerifyOptions): Promise<void> {
  const { verify } = await import("../build/verify.ts");
  const { hostFacts } = await import("../host/facts.ts");
  const { withInterruption } = await import("../host/signals.ts");
  const { findingsText, verifiedText } = await import("../report/verify-text.ts");
  const { environment, architecture } = hostFacts(process.env, process.cwd());
  await withInterruption(async (signal) => {
    const request: VerifyRequest = {
      prefix: resolve(prefix),
      hash: options.quick !== true,
      run: true,
      environment,
      architecture,
      signal,
      compared: new Set(),
    };
    // Before something is mended nothing needs to be started.
    const first = await verify({ ...request, run: options.repair !== true });
    let last = first;
    let done: readonly string[] = [];
    let tried = false;
    let failure: unknown;
    if (options.repair) {
      if (first.report.findings.length > 0) {
        if (!options.json) process.stdout.write(findingsText(first.report.findings));
        try {
          const { declined, ...mended } = await repaired(request, first, options);
          done = mended.done;
          tried = !declined;
        } catch (error) {
          // What is still wrong is told, too.
          failure = error;
          tried = error instanceof KapseliError && NOT_MENDED.includes(error.code);
        }
      }
      last = await verify({ ...request, tried });
    }
    const { report } = last;
    if (options.json) {
      const found = options.repair ? { repaired: done, before: first.report.findings } : {};
      process.stdout.write(`${JSON.stringify({ ...report, ...found })}\n`);
    } else {
      for (const one of done) process.stdout.write(`[ INFO ] mended: ${one}\n`);
      process.stdout.write(`${findingsText(report.findings)}${verifiedText(report)}`);
    }
    if (failure !== undefined) throw failure;
    if (!report.ok) throw new EndsWith(ExitCode.checkOrPublishFailed);
  });
}

/** `kapseli verify`. */
export function addVerify(tool: Command): void {
  const verify = subcommand(
    tool,
    "verify",
    "Look whether an environment is as it was published and works, and mend what is not.",
  )
    .argument("<prefix>", "the environment; it may be damaged")
    .option("--quick", "compare the sizes of images instead of every byte")
    .option(
      "--repair",
      "mend what can be mended; it asks before another generation takes the current one's place",
    )
    .option("--yes", "with --repair: do not ask")
    .option("--json", "print the result as JSON on stdout");
  verify.addHelpText(
    "after",
    "\nIt looks at `current`, manifests, images (sha256), launchers, bases, files of a generation that are gone and files in a prefix that programs do not see; then it starts programs and imports the packages that the input names. It ends with 7 when it finds an error; warnings are told.",
  );
  examples(verify, ["kapseli verify ./env", "kapseli verify --repair ./env"]).action(
    async (prefix: string, options: VerifyOptions) => {
      if (options.yes && !options.repair) {
        throw new KapseliError(ExitCode.usage, "verify: --yes is for --repair", {
          hint: "kapseli verify --repair --yes PREFIX",
        });
      }
      await verifyCommand(prefix, options);
    },
  );
}
