import { ExitCode, KapseliError } from "../errors.ts";
import { hasCode, readFile } from "../host/files.ts";
import { sha256Of } from "../prefix/launcher-record.ts";
import { generationPaths } from "../prefix/layout.ts";
import { isAsWritten, MANIFEST_SCHEMA, Manifest } from "../prefix/manifest.ts";
import type { ManifestProblem } from "../prefix/state.ts";

/** What is said of an environment in which something is missing or changed. */
export function damaged(what: string, hint: string, where?: string): KapseliError {
  return new KapseliError(ExitCode.badInput, `the installation is damaged: ${what}`, {
    hint,
    ...(where === undefined ? {} : { where }),
  });
}

/** A file's text, or undefined when there is none. @throws {KapseliError} `badInput` when it cannot be read. */
export async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw new KapseliError(ExitCode.badInput, `${path} cannot be read: ${(error as Error).message}`, {
      hint: "Ask the owner of the installation for the right to read it.",
      cause: error,
    });
  }
}

const MANIFEST_HINT =
  "kapseli verify --repair PREFIX mends it from its copy; else go back to an earlier generation, or build the environment anew.";

/**
 * Reads a generation's manifest, or says why it cannot be had.
 *
 * @returns with a problem, the error that says it to whoever needs the manifest.
 */
export async function tryManifest(
  path: string,
): Promise<{ manifest: Manifest; text: string } | { problem: ManifestProblem; error: unknown }> {
  let text: string | undefined;
  try {
    text = await textOf(path);
  } catch (error) {
    return { problem: "missing", error };
  }
  if (text === undefined) {
    return { problem: "missing", error: damaged(`${path} is missing`, MANIFEST_HINT) };
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const message = `the manifest is not valid JSON (${(cause as Error).message})`;
    return { problem: "damaged", error: damaged(message, MANIFEST_HINT, path) };
  }
  const { schema, kapseli } = (typeof json === "object" && json !== null ? json : {}) as Record<
    string,
    unknown
  >;
  if (typeof schema === "number" && schema > MANIFEST_SCHEMA) {
    const error = new KapseliError(
      ExitCode.badInput,
      `the environment was made by a newer Kapseli (${String(kapseli)}): this one cannot read its manifest`,
      { where: path, hint: "Use that version, or a newer one." },
    );
    return { problem: "newer", error };
  }
  const parsed = Manifest.safeParse(json);
  if (parsed.success) return { manifest: parsed.data, text };
  const [first, ...others] = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  const error = new KapseliError(ExitCode.badInput, `the installation is damaged: the manifest's ${first}`, {
    where: path,
    others,
    hint: MANIFEST_HINT,
  });
  return { problem: "damaged", error };
}

/**
 * Reads a generation's manifest.
 *
 * @throws {KapseliError} `badInput` when it is missing, unreadable, or of a form that only a newer Kapseli knows.
 */
export async function readManifest(path: string): Promise<Manifest> {
  return (await manifestIn(path)).manifest;
}

async function manifestIn(path: string): Promise<{ manifest: Manifest; text: string }> {
  const read = await tryManifest(path);
  if ("manifest" in read) return read;
  throw read.error;
}

/**
 * Reads the manifest of this generation, of which no byte has changed.
 *
 * @throws {KapseliError} `badInput` as `readManifest`, and when it is another generation's or not as it was written.
 */
export async function readWhole(path: string, generation: number): Promise<Manifest> {
  const { manifest, text } = await manifestIn(path);
  if (manifest.generation !== generation) {
    throw damaged(`the manifest is of generation ${manifest.generation}`, MANIFEST_HINT, path);
  }
  if (isAsWritten(text)) return manifest;
  throw damaged("the manifest was changed since it was written", MANIFEST_HINT, path);
}

/** Whether a lock of packages is as it was written; where no sum of it was noted, it is believed. */
export function isLockAsWritten(text: string, { lockSha256 }: Pick<Manifest, "lockSha256">): boolean {
  return lockSha256 === undefined || sha256Of(text) === lockSha256;
}

/** What became of a generation's lock of packages since it was written. */
export async function lockState(
  path: string,
  manifest: Pick<Manifest, "lockSha256">,
): Promise<"right" | "changed" | "gone"> {
  const text = await textOf(path).catch(() => undefined);
  if (text === undefined) return "gone";
  return isLockAsWritten(text, manifest) ? "right" : "changed";
}

/** What a generation recorded of itself; undefined when that cannot be read. */
export function knownManifest(root: string, generation: number): Promise<Manifest | undefined> {
  return readManifest(generationPaths(root, generation).manifest).catch(() => undefined);
}
