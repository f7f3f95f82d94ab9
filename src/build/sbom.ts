import { basename } from "node:path";
import { generationPaths } from "../prefix/layout.ts";
import { sbomText } from "../prefix/sbom.ts";
import { findEnvironment } from "./environment.ts";
import { readManifest, textOf } from "./read-manifest.ts";

/**
 * The bill of materials of an environment's current generation (prefix/sbom.ts).
 *
 * @param prefix absolute
 * @throws {KapseliError} `badInput` when there is no environment, or its manifest cannot be read.
 */
export async function sbomOf(prefix: string, time: Date): Promise<string> {
  const { root, generation, prefix: given } = await findEnvironment(prefix);
  const paths = generationPaths(root, generation);
  const manifest = await readManifest(paths.manifest);
  // Where nothing is locked (a wrapped container) there are no packages either.
  return sbomText(manifest, (await textOf(paths.lock)) ?? "", basename(given), time);
}
