import { exists } from "../host/files.ts";
import { originalOf } from "../prefix/placement.ts";
import { currentSeen, manifestSeen } from "../prefix/state.ts";
import type { ContentOf } from "../report/objects.ts";
import { listedGenerations } from "./generations.ts";
import { identify } from "./identify.ts";
import { requirePrefix } from "./see.ts";

/**
 * What is known of an environment from what it recorded of itself. Of a damaged one what can be known.
 *
 * @param path absolute
 * @throws {KapseliError} `badInput` when there is no environment.
 */
export async function environmentInfo(path: string): Promise<ContentOf<"info">> {
  const { identity, seen, tykky } = await identify(await requirePrefix(path));
  const current = seen && currentSeen(seen);
  const manifest = current && manifestSeen(current);
  const original = originalOf(identity.root);
  const base = manifest?.base;
  const ofTykky = tykky && {
    kind: "image" as const,
    source: tykky.conf.containerSource ?? tykky.container,
    shared: tykky.conf.sharedContainer,
  };
  return {
    ...identity,
    builtFor: current?.builtFor?.root ?? manifest?.root ?? null,
    original: manifest?.inPlace && (await exists(original)) ? original : null,
    kapseli: manifest?.kapseli ?? null,
    architecture: manifest?.architecture ?? null,
    engine: manifest?.engine ?? null,
    inputs: manifest?.inputs ?? [],
    channels: manifest?.channels ?? [],
    options: manifest?.options ?? {},
    config: Object.fromEntries(
      Object.entries(manifest?.config ?? {}).map(([key, { value, origin }]) => [
        key,
        { value: value ?? null, origin: origin ?? null },
      ]),
    ),
    base: base
      ? { ...base, digest: base.digest ?? null, size: base.size ?? null }
      : ofTykky
        ? { ...ofTykky, digest: null, size: null }
        : null,
    runtime: manifest
      ? {
          path: manifest.runtime.path,
          family: manifest.runtime.family,
          version: manifest.runtime.version,
          flags: manifest.runtime.flags,
          way: manifest.runtime.way,
        }
      : null,
    image: manifest?.image ? { mount: manifest.location.mount, ...manifest.image } : null,
    packages: manifest?.packages ?? [],
    commands: manifest?.commands ?? [...(current?.commands ?? [])],
    generations: seen ? await listedGenerations(seen) : [],
  };
}
