import { basename } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { lstat, readFile, rm, writeFile } from "../host/files.ts";
import type { PlannedFile } from "../plan/plan.ts";

/** Writes those of the files whose names are free. @returns them. */
export async function placeMissing(files: readonly PlannedFile[]): Promise<PlannedFile[]> {
  const placed: PlannedFile[] = [];
  for (const file of files) {
    if (await lstat(file.path).catch(() => undefined)) continue;
    await writeFile(file.path, file.content, { mode: 0o600 });
    placed.push(file);
  }
  return placed;
}

/**
 * Puts the files of `installation_file_paths` where installers and scripts find them by their base names.
 *
 * @throws {KapseliError} `badInput` when the environment has something of that name.
 */
export async function placeHelpers(files: readonly PlannedFile[]): Promise<void> {
  const placed = await placeMissing(files);
  const taken = files.find((file) => !placed.includes(file));
  if (taken === undefined) return;
  throw new KapseliError(
    ExitCode.badInput,
    `installation_file_paths: the environment has something called ${basename(taken.path)} already`,
    { hint: "Give the file another name." },
  );
}

/** Takes the files away again; what an installer or a script made in the place of one stays. */
export async function removeHelpers(files: readonly PlannedFile[]): Promise<void> {
  for (const { path, content } of files) {
    const info = await lstat(path).catch(() => undefined);
    if (info?.isFile() && (await readFile(path)).equals(Buffer.from(content))) await rm(path);
  }
}
