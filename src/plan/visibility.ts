import type { TopLevelEntry } from "../host/facts.ts";
import type { ResolvedBase } from "./plan.ts";

/** The runtime makes these itself. */
const RUNTIME_OWN = ["proc", "sys", "dev"];
/** An image's system directories are never replaced by the host's, empty or not. */
const IMAGE_SYSTEM = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "var", "boot"];

/**
 * Top-level names that are never bound from the host: the runtime's own, those excluded by the configuration,
 * and on an image base the image's.
 */
export function hiddenTopLevel(
  base: Pick<ResolvedBase, "kind" | "occupiedTopLevel">,
  excluded: readonly string[],
): string[] {
  const names = excluded.map((path) => path.replace(/^\/+|\/+$/g, "")).filter((name) => name !== "");
  const image = base.kind === "image" ? [...IMAGE_SYSTEM, ...base.occupiedTopLevel] : [];
  return [...new Set([...RUNTIME_OWN, "lost+found", ...names, ...image])].sort();
}

/** Top-level links of the host that the host base's skeleton has, as `[name, target]`. */
export function skeletonLinks(
  topLevel: readonly TopLevelEntry[],
  hidden: readonly string[],
): [string, string][] {
  return topLevel.flatMap((entry): [string, string][] =>
    entry.kind === "link" && entry.target !== undefined && !hidden.includes(entry.name)
      ? [[entry.name, entry.target]]
      : [],
  );
}

/** What of the host's top level is bound, split by whether `-B` can carry the name. */
export function boundTopLevel(
  topLevel: readonly TopLevelEntry[],
  hidden: readonly string[],
  links: readonly (readonly [string, string])[],
): { plain: string[]; odd: string[] } {
  const linked = new Set(links.map(([name]) => name));
  const paths = topLevel
    .filter((entry) => !hidden.includes(entry.name) && !linked.has(entry.name))
    .map((entry) => `/${entry.name}`);
  return {
    plain: paths.filter((path) => !/[:,"]/.test(path)),
    odd: paths.filter((path) => /[:,]/.test(path) && !path.includes('"')),
  };
}

/** Whether a host path is the same inside the build's container. */
export function isVisible(path: string, bound: readonly string[], root: string): boolean {
  if (path === root || path.startsWith(`${root}/`)) return false;
  return bound.some((top) => path === top || path.startsWith(`${top}/`));
}
