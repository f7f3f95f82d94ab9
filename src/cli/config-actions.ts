import { type FileShape, shapeOf } from "../config/file-shape.ts";
import type { Setting } from "../config/keys.ts";
import { originText } from "../config/origin.ts";
import { examineConfig } from "../config/resolve.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { hostFacts } from "../host/facts.ts";
import { readConfigFile } from "../host/input-file.ts";
import { redactTexts } from "../tools/redact.ts";
import { hostSources, readConfig } from "./read-config.ts";

/** A value on one line, as a YAML file could hold it. */
function valueText(value: unknown): string {
  if (value === undefined) return "(unset)";
  if (typeof value === "boolean") return value ? "yes" : "no";
  const plain = typeof value === "string" && /^[\w./:$@%+=~-]+(?: [\w./:$@%+=~-]+)*$/.test(value);
  return plain ? value : JSON.stringify(value);
}

const lines = (settings: Readonly<Record<string, Setting<unknown>>>): string =>
  Object.entries(settings)
    .map(
      ([key, { value, origin }]) =>
        `${valueText(key)}: ${valueText(redactTexts(value))}  # ${originText(origin)}\n`,
    )
    .join("");

/** Prints the configuration as a build would have it, without secrets. @throws {KapseliError} as `readConfig`. */
export async function showConfig(options: { json?: boolean; file?: string }): Promise<void> {
  const facts = hostFacts(process.env, process.cwd());
  const { config, custom, warnings } = await readConfig(
    options.file === undefined ? {} : { siteFile: options.file },
    facts,
  );
  if (options.json) {
    const json = JSON.stringify(redactTexts({ config, custom, warnings }), (_key, value) => value ?? null);
    process.stdout.write(`${json}\n`);
    return;
  }
  for (const warning of warnings) process.stderr.write(`[ WARNING ] ${warning}\n`);
  process.stdout.write(`${lines(config)}${lines(custom)}`);
}

/** What a file was read as, in a reader's words. */
const READ_AS: Readonly<Record<FileShape, string>> = {
  site: "a site file",
  advanced: "the YAML of advanced",
  "yaml-option": "the YAML of -y",
};

/**
 * Reports the problems of one configuration file, as what its shape says that it is. Variables that are not set are
 * warnings: whoever builds may have them.
 *
 * @param isUser it is a user's, whatever its shape
 * @throws {KapseliError} `badInput` with every error.
 */
export async function checkConfig(path: string, isUser: boolean): Promise<void> {
  const facts = hostFacts(process.env, process.cwd());
  const what = `the configuration ${path}`;
  const file = { ...(await readConfigFile(path, what, facts.cwd)), file: path };
  const shape = shapeOf(file.text, isUser);
  const { errors, warnings, unset } = examineConfig({
    ...hostSources(facts),
    ...(shape === "site" ? { site: file } : { user: { ...file, strict: shape === "advanced" } }),
  });
  const told = [...warnings, ...unset.map((problem) => `${problem} here`)];
  for (const warning of told) process.stderr.write(`[ WARNING ] ${warning}\n`);
  const [first, ...others] = errors;
  if (first !== undefined) {
    throw new KapseliError(ExitCode.badInput, first, {
      others,
      hint: `Correct ${path}, which was read as ${READ_AS[shape]}.`,
    });
  }
  const counted = told.length === 1 ? "1 warning" : `${told.length} warnings`;
  process.stdout.write(`${path}, read as ${READ_AS[shape]}: no errors, ${counted}\n`);
}
