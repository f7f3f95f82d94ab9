import { resolve } from "node:path";
import type { Command } from "commander";
import { ExitCode, KapseliError } from "../errors.ts";
import { examples, subcommand } from "./program.ts";

/**
 * The time that a document is said to be of: SOURCE_DATE_EPOCH where it is set
 * (https://reproducible-builds.org/specs/source-date-epoch/: seconds since 1970), else now.
 *
 * @throws {KapseliError} `usage` when it is no such number.
 */
export function documentTime(environment: Readonly<Record<string, string | undefined>>, now: Date): Date {
  const epoch = environment.SOURCE_DATE_EPOCH;
  if (epoch === undefined || epoch === "") return now;
  if (/^\d{1,11}$/.test(epoch)) return new Date(Number(epoch) * 1000);
  throw new KapseliError(ExitCode.usage, "SOURCE_DATE_EPOCH is no number of seconds since 1970", {
    hint: "Correct it, or unset it.",
  });
}

/** `kapseli sbom`. */
export function addSbom(tool: Command): void {
  const command = subcommand(
    tool,
    "sbom",
    "Print a bill of materials of an environment (CycloneDX 1.6, JSON): its packages with their addresses and hashes.",
  )
    .argument("<prefix>", "the environment")
    .option("--json", "the same: it is JSON anyway; an error is then, too")
    .action(async (prefix: string) => {
      const { sbomOf } = await import("../build/sbom.ts");
      process.stdout.write(await sbomOf(resolve(prefix), documentTime(process.env, new Date())));
    });
  examples(command, ["kapseli sbom ./env > env.cdx.json", "SOURCE_DATE_EPOCH=0 kapseli sbom ./env"]);
}
