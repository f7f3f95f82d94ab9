import { resolve } from "node:path";
import type { Config } from "../config/keys.ts";
import type { Origin } from "../config/origin.ts";
import { ExitCode, KapseliError } from "../errors.ts";
import { readInputFile } from "../host/input-file.ts";
import type { EnvironmentOptions, HookScript } from "../plan/request.ts";

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
      return { shown: place ? `${place.file}:${place.line} ${name}` : name, text: `${item}\n` };
    }),
  );
}

/** Variables and texts for run time. `environ` is undefined where no file is named. */
export async function runTimeExtras(
  config: Config,
): Promise<Pick<EnvironmentOptions, "extra"> & { environ: string | undefined }> {
  const items = config.extra_envs.value;
  const texts = await Promise.all(items.flatMap((item) => ("file" in item ? [readScript(item.file)] : [])));
  const extra = items.flatMap((item) => ("name" in item ? [item] : []));
  return { extra, environ: texts.length === 0 ? undefined : texts.join("\n") };
}
