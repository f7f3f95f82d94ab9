import { readdir } from "node:fs/promises";
import { entriesOf, type Image, rootOf } from "../squashfs/image.ts";
import { kindNumber } from "../squashfs/inodes.ts";
import { type Change, directoryAt } from "../squashfs/join.ts";
import { NotJoinable } from "../squashfs/metadata.ts";
import { hasCode } from "./files.ts";

const DIRECTORY = kindNumber("directory");

/**
 * @param path below the directory, as latin1 of its bytes
 * @returns whether they are directories, by their names as latin1.
 */
async function namesIn(directory: string, path: string): Promise<Map<string, boolean>> {
  const bytes = Buffer.concat([Buffer.from(directory), Buffer.from(path, "latin1")]);
  const entries = await readdir(bytes, { encoding: "buffer", withFileTypes: true }).catch(
    (error: unknown) => {
      // mksquashfs says which, and they are opened for it.
      throw hasCode(error, "EACCES") ? new NotJoinable(`${JSON.stringify(path)} cannot be read`) : error;
    },
  );
  return new Map(entries.map((entry) => [Buffer.from(entry.name).toString("latin1"), entry.isDirectory()]));
}

/**
 * What was changed in an image below an overlay. Only directories that the upper layer has are looked at. How overlays
 * mark what is gone differs and need not be known: what the overlay shows is what there is.
 *
 * @param image the lower layer
 * @param upper the upper layer's directory, absolute
 * @param shown the overlay's, absolute
 * @throws {NotJoinable} where what is shown comes from neither: an overlay that redirects.
 */
export async function changesIn(image: Image, upper: string, shown: string): Promise<Change> {
  const below = async (position: number | undefined, path: string): Promise<Change> => {
    const lower = position === undefined ? [] : entriesOf(image, directoryAt(image, position));
    const before = new Map(lower.map((entry) => [entry.name, entry]));
    const [changed, names] = await Promise.all([namesIn(upper, path), namesIn(shown, path)]);
    const taken = new Set<string>();
    const directories = new Map<string, Change>();
    for (const name of names.keys()) {
      const isDirectory = changed.get(name);
      const entry = before.get(name);
      if (isDirectory) {
        const directory = entry?.kind === DIRECTORY ? entry.inode : undefined;
        directories.set(name, await below(directory, `${path}/${name}`));
      } else if (isDirectory === false) taken.add(name);
      else if (!entry) throw new NotJoinable(`${JSON.stringify(`${path}/${name}`)} is in no layer`);
    }
    const gone = new Set([...before.keys()].filter((name) => !names.has(name)));
    return { taken, directories, gone };
  };
  return below(rootOf(image), "");
}
