import { ExitCode, KapseliError } from "../errors.ts";

/** One entry of base-images/catalogue.json. */
export interface CatalogueEntry {
  kind: "host" | "recipe" | "pull";
  description: string;
  /** The recipe's script below base-images/, or the image's URI. */
  source?: string;
}

/** What an environment recorded of its own copy of a base. */
export interface RecordedBase {
  digest: string;
  /** Bytes. */
  size: number;
}

/** The root file system that an environment is to run over. */
export type BaseChoice =
  | { kind: "host" }
  | { kind: "directory"; path: string }
  /** A file; `shared`: it is used where it is, not copied. */
  | { kind: "image"; path: string; shared: boolean }
  /** The base that an environment has already. */
  | { kind: "kept"; path: string; source: string; shared: boolean; recorded?: RecordedBase }
  | { kind: "pull"; uri: string }
  | { kind: "recipe"; name: string; script: string };

const URI = /^(docker|oras|library|shub|https?|docker-archive|oci|oci-archive):\/?\/?./;

/** Whether the host is asked for, also by `auto`: it never drifts from where the programs run. */
export const isHost = (wanted: string): boolean => wanted === "auto" || wanted === "host";

/**
 * Which base a name, path or URI means.
 *
 * @param kindOfPath what is at a path on this host
 * @param shared whether an image file is to be used where it is, not copied
 * @throws {KapseliError} `badInput` when it is none of the three.
 */
export function chooseBase(
  wanted: string,
  catalogue: Readonly<Record<string, CatalogueEntry>>,
  kindOfPath: (path: string) => "file" | "directory" | "nothing",
  shared = false,
): BaseChoice {
  if (isHost(wanted)) return { kind: "host" };
  if (URI.test(wanted)) return { kind: "pull", uri: wanted };
  const entry = Object.hasOwn(catalogue, wanted) ? catalogue[wanted] : undefined;
  if (entry?.kind === "host") return { kind: "host" };
  if (entry?.kind === "pull" && entry.source) return { kind: "pull", uri: entry.source };
  if (entry?.kind === "recipe" && entry.source) return { kind: "recipe", name: wanted, script: entry.source };
  const kind = kindOfPath(wanted);
  if (kind === "directory") return { kind: "directory", path: wanted };
  if (kind === "file") return { kind: "image", path: wanted, shared };
  throw new KapseliError(
    ExitCode.badInput,
    `the base ${wanted} is neither a known name, nor an image URI, nor there as a file`,
    {
      hint: `Names: ${Object.keys(catalogue).join(", ")}. URIs begin with docker://, oras:// or library://.`,
    },
  );
}
