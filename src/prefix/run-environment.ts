import { ExitCode, KapseliError } from "../errors.ts";
import type { EnvironmentChange } from "./activation.ts";

type Variables = Readonly<Record<string, string>>;

/** What an unset PATH is to a shell; the same as in a launcher. */
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/** A caller's variables after what activation recorded, by the rules of a launcher (`renderLauncher`). */
export function applyChanges(
  variables: Variables,
  changes: readonly EnvironmentChange[],
): Record<string, string> {
  const result: Record<string, string> = { ...variables };
  for (const change of changes) {
    const { name } = change;
    const now = result[name] ?? "";
    switch (change.change) {
      case "set":
        result[name] = change.value;
        break;
      case "prepend":
        if (name === "PATH") result[name] = `${change.value}:${now || DEFAULT_PATH}`;
        else result[name] = now === "" ? change.value : `${change.value}:${now}`;
        break;
      case "append":
        result[name] = now === "" ? change.value : `${now}:${change.value}`;
        break;
      case "default":
        result[name] = result[name] ?? change.value;
        break;
      case "unset":
        delete result[name];
        break;
    }
  }
  return result;
}

/** Another environment to mount beside the one that runs. */
export interface Companion {
  /** As the user named it. */
  given: string;
  /** Absolute path of its image. */
  image: string;
  /** Where the image is mounted. */
  root: string;
  /** The directory of its commands inside. */
  bin: string;
}

/**
 * The variables with which a launcher mounts other environments too: their images are added to what the caller
 * binds, and their bin directories stand in PATH, in the order given, before the caller's own. The launcher puts the
 * bin of its environment before all of them.
 *
 * @param root where the image of the environment that runs is mounted
 * @throws {KapseliError} `badInput` when two of them belong to one place, or a path cannot be carried in a bind.
 */
export function withCompanions(
  variables: Variables,
  root: string,
  companions: readonly Companion[],
): Record<string, string> {
  const places = new Map([[root, "the environment that runs"]]);
  for (const { given, image, root: place } of companions) {
    const other = places.get(place);
    if (other !== undefined) {
      throw new KapseliError(
        ExitCode.badInput,
        `--with ${given}: ${place} is the place of ${other} as well`,
        {
          hint: "Leave it out, or build one of the two again where it is now.",
        },
      );
    }
    const odd = /[:,"\\]/.exec(image)?.[0];
    if (odd !== undefined) {
      throw new KapseliError(
        ExitCode.badInput,
        `--with ${given}: the path ${JSON.stringify(image)} holds ${JSON.stringify(odd)}, which a bind cannot carry`,
        { hint: "Give that environment's directory another name." },
      );
    }
    places.set(place, `--with ${given}`);
  }
  const binds = companions.map((one) => `${one.image}:${one.root}:image-src=/`);
  const extra = [variables.CW_EXTRA_BIND_MOUNTS ?? "", ...binds].filter((bind) => bind !== "");
  const bins = companions.map((one) => one.bin);
  return {
    ...variables,
    ...(extra.length > 0 ? { CW_EXTRA_BIND_MOUNTS: extra.join(",") } : {}),
    ...(bins.length > 0 ? { PATH: [...bins, variables.PATH || DEFAULT_PATH].join(":") } : {}),
  };
}
