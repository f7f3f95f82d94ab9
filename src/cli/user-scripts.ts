import { resolve } from "node:path";
import type { Config } from "../config/keys.ts";
import type { Origin } from "../config/origin.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { readInputFile } from "../host/input-file.ts";
import { run } from "../host/processes.ts";
import type { EnvironmentOptions, HookScript } from "../plan/request.ts";

/** Where every host has bash. */
const SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin";

/**
 * Reads a script, once.
 *
 * @throws {KapseliError} `badInput` when it is not there or no text.
 */
export async function readScript(path: string): Promise<string> {
  const { bytes } = await readInputFile(resolve(path), "The file");
  const text = Buffer.from(bytes).toString("utf8");
  if (!Buffer.from(text, "utf8").equals(Buffer.from(bytes)) || text.includes("\0")) {
    throw new KapseliError(ExitCode.badInput, `The file ${path} is no text in UTF-8`, {
      hint: "A script has to be text.",
    });
  }
  return text;
}

/** Where a line of the configuration stands, for messages. */
function placeOf(origin: Origin): { file: string; line: number } | undefined {
  if (origin.from === "site" || origin.from === "user") return { file: origin.file, line: origin.line };
  const [part] = origin.from === "merged" ? origin.parts : [];
  return part ? placeOf(part) : undefined;
}

/** The scripts of `pre_install` or `post_install`: files, read once, and lines of the configuration. */
export async function hookScripts(
  config: Config,
  key: "pre_install" | "post_install",
): Promise<HookScript[]> {
  const { value, origin } = config[key];
  const place = placeOf(origin);
  return Promise.all(
    value.map(async (item, index): Promise<HookScript> => {
      if (typeof item !== "string") return { shown: item.file, text: await readScript(item.file) };
      const name = `${key}[${index}]`;
      return { shown: name, ...(place ? { place } : {}), text: `${item}\n` };
    }),
  );
}

/** A mistake in a script that is sourced before each start shows at each start: it is looked for now. */
async function checkSyntax(text: string, file: string): Promise<void> {
  const { exitCode, stderr } = await run({
    argv: ["bash", "-n"],
    env: { PATH: SYSTEM_PATH, LC_ALL: "C" },
    input: text,
  });
  // 127: there is no bash here, which the launchers will say.
  if (exitCode === 0 || exitCode === 127) return;
  const line = /line (\d+): (.*)/.exec(stderr);
  throw new KapseliError(
    ExitCode.badInput,
    `the environ script is not valid bash: ${line?.[2] ?? stderr.trim()}`,
    {
      where: line?.[1] === undefined ? file : `${file}:${line[1]}`,
      hint: "It is sourced by bash before each start.",
    },
  );
}

/** Variables and texts for run time. `environ` is undefined where no file is named. */
export async function runTimeExtras(
  config: Config,
): Promise<Pick<EnvironmentOptions, "extra"> & { environ: string | undefined }> {
  const items = config.extra_envs.value;
  const files = items.flatMap((item) => ("file" in item ? [item.file] : []));
  const texts = await Promise.all(files.map(readScript));
  for (const [index, text] of texts.entries()) await checkSyntax(text, files[index] ?? "");
  const extra = items.flatMap((item) => ("name" in item ? [item] : []));
  return { extra, environ: texts.length === 0 ? undefined : texts.join("\n") };
}
