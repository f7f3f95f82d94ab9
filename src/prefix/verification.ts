import type { LauncherFacts } from "./launcher.ts";
import { OUR_NAMES } from "./layout.ts";
import type { Manifest } from "./manifest.ts";
import { isNegligible } from "./placement.ts";
import { shellQuote } from "./shell-data.ts";

/** The form of what `kapseli verify --json` prints; raised when a reader of the old one would misread the new one. */
export const VERIFY_SCHEMA = "kapseli.verify/1";

/** What is looked at. */
export type Check =
  | "current"
  | "manifest"
  | "image"
  | "launcher"
  | "base"
  | "commands"
  | "moved"
  | "records"
  | "foreign"
  | "start"
  | "imports";

/** Something that is not as it was published. */
export interface Finding {
  check: Check;
  /** An error keeps the environment, or a command that looks after it, from working; a warning does not. */
  severity: "error" | "warning";
  /** The generation that it is about; undefined: the prefix. */
  generation?: number;
  /** Absolute. */
  path?: string;
  /** What is broken, for people. */
  message: string;
  /** What mends it: a command, or what to do. */
  mend: string;
}

/** What one generation looks like. */
export interface GenerationState {
  number: number;
  current: boolean;
  /** Everything that a launch needs is there and as it was published. */
  whole: boolean;
  /** It is not the current one any more since some time (its note says so). */
  replaced: boolean;
  /** Its packages can be installed again: manifest and environment.lock can be read. */
  canBeRebuilt: boolean;
}

/** How a prefix whose current generation cannot be started, or is none, comes to have one that can. */
export type Way =
  | { way: "stay" }
  /** `asks`: it is an older state than the one that was in use, or nobody knows. */
  | { way: "switch"; to: number; asks: boolean }
  | { way: "rebuild"; from: number }
  | { way: "none" };

/**
 * Decides which generation is to be the current one. Pure.
 *
 * @param named the number that `current` names; undefined when it names none
 */
export function chooseWay(generations: readonly GenerationState[], named: number | undefined): Way {
  const newestFirst = [...generations].sort((a, b) => b.number - a.number);
  const there = newestFirst.find(({ number }) => number === named);
  if (there?.whole) return { way: "stay" };
  const whole = newestFirst.filter(({ number, whole }) => whole && number !== named);
  // Only the one that was in use has no note of when it was replaced.
  const unreplaced = whole.find(({ replaced }) => !replaced);
  if (there === undefined && unreplaced) return { way: "switch", to: unreplaced.number, asks: false };
  const [before] = [...whole.filter(({ number }) => named !== undefined && number < named), ...whole];
  if (before) return { way: "switch", to: before.number, asks: true };
  const source = there?.canBeRebuilt ? there : newestFirst.find(({ canBeRebuilt }) => canBeRebuilt);
  return source ? { way: "rebuild", from: source.number } : { way: "none" };
}

/** The commands by which a damaged generation is mended, in words for its place. */
export function mendCommands(root: string) {
  const at = shellQuoteIfNeeded(root);
  return {
    repair: `kapseli verify --repair ${at}`,
    rollback: `kapseli rollback ${at}`,
    rebuild: `kapseli rebuild ${at}`,
    relocate: `kapseli relocate ${at}`,
    remove: `kapseli remove ${at}`,
  };
}

/** From what a generation that is lost can be replaced. */
export interface Means {
  /** Some other generation can be started. */
  another: boolean;
  /** One before it can, as `kapseli rollback` goes back to it. */
  before: boolean;
  /** The packages of some generation can be installed again. */
  packages: boolean;
  /** `--repair` has done what it could. */
  tried: boolean;
  /** What made the environment, where that is known. */
  tool: Manifest["tool"] | undefined;
}

const MAKERS: Readonly<Record<Manifest["tool"], string>> = {
  conda: "conda-containerize new",
  pip: "pip-containerize new",
  directory: "wrap-install",
  container: "wrap-container",
};

/** How an environment is had again of which nothing is left to mend it from. */
function anew(root: string, tool: Manifest["tool"] | undefined): string {
  const command = tool === undefined ? "conda-containerize new (or pip-containerize new)" : MAKERS[tool];
  const at = shellQuoteIfNeeded(root);
  return `build it again: ${command} --prefix ${at} with what it was made from; or ${mendCommands(root).remove}`;
}

/**
 * What to do about a current generation that cannot be used, or is gone: commands that can help here, and no others. Pure.
 *
 * @param own the packages of the generation itself can be installed again
 */
export function wayOut(root: string, means: Means, own: boolean): string {
  const { repair, rollback, rebuild } = mendCommands(root);
  const byHand = [
    ...(means.before ? [`${rollback} (the generation before)`] : []),
    ...(own ? [`${rebuild} (the same packages again)`] : []),
  ];
  if (means.tried) return [...byHand, anew(root, means.tool)].join("; or ");
  if (!means.another && !means.packages && !own)
    return `nothing is left to mend it from; ${anew(root, means.tool)}`;
  return byHand.length === 0 ? repair : `${repair}; or by hand: ${byHand.join(", ")}`;
}

/** A path as a shell takes it, without quotes where none are needed. */
export function shellQuoteIfNeeded(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : shellQuote(path);
}

/** Of in-place environments alone: what is read outside of the container. */
const IN_PLACE_NAMES = ["pyvenv.cfg", "conda-meta", "lib"];

/**
 * Names in a prefix's directory that somebody else put there; inside the container nobody sees them.
 *
 * @param manifest of the current generation, where it can be read
 */
export function foreignEntries(entries: readonly string[], manifest: Manifest | undefined): string[] {
  const configured = ["sqfs_image", "container_image"].flatMap((key) => {
    const value = manifest?.config[key]?.value;
    return typeof value === "string" ? [value] : [];
  });
  const inPlace = manifest === undefined || manifest.inPlace === true;
  const ours = new Set([
    ...OUR_NAMES.filter((name) => inPlace || !IN_PLACE_NAMES.includes(name)),
    ...configured,
  ]);
  return entries.filter((name) => !ours.has(name) && !isNegligible(name)).sort();
}

/** In what a launcher without recorded sums disagrees with its manifest; empty when it does not. */
export function launcherDifferences(launcher: LauncherFacts, manifest: Manifest): string[] {
  const differences: string[] = [];
  if (launcher.id !== manifest.id) differences.push("it is another generation's");
  if (launcher.root !== manifest.root) differences.push(`it was made for ${launcher.root}`);
  const names = (list: readonly string[]): string => [...list].sort().join("/");
  if (names(launcher.commands) !== names(manifest.commands)) differences.push("it has other commands");
  return differences;
}

/** A list of names for a message: the first few, and how many more. */
export function someNames(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
