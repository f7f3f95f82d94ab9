/** Prefixes that have everything but real images, for what looks after environments. */
import { chmod, lstat, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { publish } from "../../src/build/publish.ts";
import { renderLauncher, renderStub } from "../../src/prefix/launcher.ts";
import type { Manifest } from "../../src/prefix/manifest.ts";
import { launcherData } from "./launcher-data.ts";
import { manifestFor } from "./manifest.ts";

/** The bytes of the image of every generation. */
export const IMAGE_BYTES = 5000;

export interface MadePrefix {
  /** What a user names. */
  given: string;
  root: string;
  /** Makes the next generation as a build does. @returns its number. */
  build(changes?: Partial<Manifest>, now?: Date): Promise<number>;
  /** A path in a generation. */
  at(generation: number, ...names: string[]): string;
  /** Everything in it, links and directories with their names alone. */
  names(): Promise<string[]>;
}

/**
 * A prefix with one generation for each of the changes of a manifest.
 *
 * @param linked the environment is in PREFIX/env, because the prefix holds another file
 */
export async function makePrefix(
  given: string,
  generations: readonly Partial<Manifest>[] = [{}],
  linked = false,
): Promise<MadePrefix> {
  const root = linked ? join(given, "env") : given;
  const at = (generation: number, ...names: string[]): string =>
    join(root, "generations", String(generation), ...names);
  await mkdir(root, { recursive: true });
  if (linked) await writeFile(join(given, "mine.txt"), "mine");
  let last = 0;
  const build = async (changes: Partial<Manifest> = {}, now = new Date()): Promise<number> => {
    const number = ++last;
    const commands = changes.commands ?? ["python3"];
    await mkdir(at(number, "root"), { recursive: true });
    await writeFile(at(number, "env.sqfs"), Buffer.alloc(IMAGE_BYTES));
    const data = launcherData(root, { id: String(number), generation: number, commands });
    await writeFile(at(number, "launcher.sh"), renderLauncher(data));
    await writeFile(at(number, "build.log"), `log of ${number}\n`);
    const manifest = manifestFor(root, {
      generation: number,
      commands: [...commands],
      image: { compression: "zstd", sha256: "00", size: IMAGE_BYTES, entries: 10 },
      linkedBin: linked,
      ...changes,
    });
    await writeFile(at(number, "manifest.json"), JSON.stringify(manifest));
    const stub = join(root, ".kapseli-stub");
    await writeFile(stub, renderStub(root));
    await chmod(stub, 0o755);
    await publish({
      placement: { prefix: given, root, linkedBin: linked, generation: number },
      commands,
      stub,
      names: { image: "img.sqfs", container: "container.sif" },
      image: true,
      base: undefined,
      now,
      onPublished: () => undefined,
    });
    await rm(stub);
    return number;
  };
  for (const changes of generations) await build(changes);
  return { given, root, build, at, names: () => namesBelow(given) };
}

/** Every path below a directory, relative to it; links are not followed. */
export async function namesBelow(directory: string): Promise<string[]> {
  const found: string[] = [];
  const look = async (name: string): Promise<void> => {
    for (const entry of await readdir(join(directory, name), { withFileTypes: true })) {
      found.push(join(name, entry.name));
      if (entry.isDirectory()) await look(join(name, entry.name));
    }
  };
  await look("");
  return found.sort();
}

/** Whether something is there, a link that leads nowhere too. */
export async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
