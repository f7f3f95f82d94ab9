import { resolve } from "node:path";
import type { Command } from "commander";
import { ExitCode } from "../errors.ts";
import { filled } from "./build-command.ts";
import { EndsWith, examples, subcommand } from "./program.ts";

interface DoctorOptions {
  prefix?: string;
  tmpdir?: string;
  json?: boolean;
}

async function doctorCommand(options: DoctorOptions): Promise<void> {
  const { doctor } = await import("../build/doctor.ts");
  const { hostFacts } = await import("../host/facts.ts");
  const { withInterruption } = await import("../host/signals.ts");
  const { doctorText } = await import("../report/doctor-text.ts");
  const { readConfig } = await import("./read-config.ts");
  const facts = hostFacts(process.env, process.cwd());
  const flags =
    options.tmpdir === undefined
      ? {}
      : { build_tmpdir_base: { value: resolve(options.tmpdir), flag: "--tmpdir" } };
  const { config } = await readConfig({ flags }, facts);
  const log = { path: "", write: () => undefined, close: async () => undefined };
  const report = await withInterruption((signal) =>
    doctor(
      { config, facts, log, report: () => undefined, signal },
      resolve(options.prefix ?? config.installation_prefix.value),
    ),
  );
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : doctorText(report));
  if (!report.ok) throw new EndsWith(ExitCode.hostCannot);
}

/** `kapseli doctor`. */
export function addDoctor(tool: Command): void {
  const doctor = subcommand(
    tool,
    "doctor",
    "Try everything that a build needs on this host, and say what to do about each problem.",
  )
    .option(
      "--prefix <dir>",
      "where something is to be built (default: where it would be without --prefix)",
      filled,
    )
    .option("--tmpdir <dir>", "build below this directory (default: as for a build)", filled)
    .option("--json", "print the result as JSON on stdout");
  doctor.addHelpText(
    "after",
    "\nIt starts a container with an image in it as a build does, and asks the channels and the package index that are configured. What it prints holds no secrets, names of users or hosts: it can go into a bug report. It ends with 4 when a build cannot work.",
  );
  examples(doctor, ["kapseli doctor", "kapseli doctor --prefix /projects/env --json"]).action(doctorCommand);
}
