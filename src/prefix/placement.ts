import { basename, dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { OUR_NAMES } from "./layout.ts";

/** What is at a path, as far as placing an environment needs to know. */
export interface DirectoryFacts {
  path: string;
  /** Names in it; undefined when it does not exist. */
  entries?: readonly string[];
  /** Set when the path exists and is no directory. */
  notDirectory?: boolean;
  /** Where `bin` links to, if it is a link. */
  binTarget?: string;
  /** Generation numbers below `generations/`; present when it looks like an environment of ours. */
  generations?: readonly number[];
}

/** Where an environment goes in a prefix. */
export interface Placement {
  prefix: string;
  /** The directory that the image covers. */
  root: string;
  /** `PREFIX/bin` becomes a link to `env/bin`, because the prefix holds other files. */
  linkedBin: boolean;
  /** The directory that gets `generations/` and `bin/`: `root`, but for a directory that becomes a prefix where it is. */
  holder: string;
  /** The number of the generation to make. */
  generation: number;
  /** Whether `root` holds an environment already. */
  existing: boolean;
}

/** Files that may lie in a prefix without being in the way. */
const NEGLIGIBLE = /^(\.kapseli.*|\.nfs[0-9a-f]+|lost\+found)$/;

/** Whether a name in a prefix means nothing: the tool's own while it works, or the file system's. */
export function isNegligible(name: string): boolean {
  return NEGLIGIBLE.test(name);
}

/** What in a directory is the user's: without generations even a name like ours is (a container.sif, a share/). */
function foreignNames({ entries = [], generations }: DirectoryFacts): string[] {
  const ours: readonly string[] = generations === undefined ? ["bin"] : OUR_NAMES;
  return entries.filter((name) => !ours.includes(name) && !isNegligible(name));
}

/** Whether a directory is an environment of ours, or what an interrupted first build left of one. */
function isOurs(facts: DirectoryFacts): boolean {
  return (
    facts.generations !== undefined &&
    ((facts.entries ?? []).includes("current") || foreignNames(facts).length === 0)
  );
}

function nextGeneration(facts: DirectoryFacts): number {
  return Math.max(0, ...(facts.generations ?? [])) + 1;
}

function inTheWay(path: string, what: string): KapseliError {
  return new KapseliError(ExitCode.hostCannot, `${path} is in the way: ${what}`, {
    hint: "Move it away, or choose another directory with --prefix.",
  });
}

/**
 * Decides where in a prefix the environment goes: in the prefix itself when it is new, empty or ours; in
 * `PREFIX/env`, with `PREFIX/bin` linked there, when it holds other files, which the image would cover.
 *
 * @param nested the facts of `PREFIX/env`
 * @throws {KapseliError} `hostCannot` when a name of ours is taken by something else.
 */
export function placeEnvironment(prefix: DirectoryFacts, nested: DirectoryFacts): Placement {
  if (prefix.notDirectory) throw inTheWay(prefix.path, "it is not a directory");
  const entries = prefix.entries ?? [];
  const foreign = foreignNames(prefix);
  const ours = isOurs(prefix);

  if (ours || (foreign.length === 0 && !entries.includes("bin"))) {
    const root = prefix.path;
    return {
      prefix: root,
      root,
      holder: root,
      linkedBin: false,
      generation: nextGeneration(prefix),
      existing: ours && entries.includes("current"),
    };
  }
  const isOurLink = prefix.binTarget === "env/bin";
  if (entries.includes("bin") && !isOurLink) {
    if (entries.includes("common.sh")) {
      throw new KapseliError(ExitCode.hostCannot, `${prefix.path} holds an installation made by Tykky`, {
        hint:
          "Choose another directory with --prefix, or move that one away. What conda-containerize or pip-containerize " +
          `made can be converted instead: conda-containerize update ${prefix.path} (or pip-containerize).`,
      });
    }
    throw inTheWay(
      join(prefix.path, "bin"),
      "the directory holds other files, and the commands would go there",
    );
  }
  if (nested.notDirectory) throw inTheWay(nested.path, "the environment would go there");
  const nestedEntries = nested.entries ?? [];
  const nestedOurs = isOurs(nested);
  if (!nestedOurs && (foreignNames(nested).length > 0 || nestedEntries.includes("bin"))) {
    throw inTheWay(nested.path, "the environment would go there, and it holds other files");
  }
  return {
    prefix: prefix.path,
    root: nested.path,
    holder: nested.path,
    linkedBin: true,
    generation: nextGeneration(nested),
    existing: nestedOurs && nestedEntries.includes("current"),
  };
}

/** Where an environment goes that takes the place of another tool's installation, made of `files`. */
export function placeConversion(facts: DirectoryFacts, files: readonly string[]): Placement {
  const root = facts.path;
  const foreign = (facts.entries ?? []).filter(
    (name) => !files.includes(name) && !OUR_NAMES.some((own) => own === name) && !NEGLIGIBLE.test(name),
  );
  if (foreign.length > 0) {
    throw inTheWay(join(root, foreign[0] ?? ""), "it is not part of the installation and would be covered");
  }
  return {
    prefix: root,
    root,
    holder: root,
    linkedBin: false,
    generation: nextGeneration(facts),
    existing: true,
  };
}

/** Where a directory's environment is made that becomes a prefix in its place: beside it, so that one rename does it. */
export function placeInPlace(directory: string): Placement {
  const holder = join(dirname(directory), `.${basename(directory)}.kapseli-new`);
  return { prefix: directory, root: directory, holder, linkedBin: false, generation: 1, existing: false };
}

/** Where the original of such a directory is kept. */
export function originalOf(directory: string): string {
  return join(dirname(directory), `${basename(directory)}.kapseli-original`);
}

/** Where the prefix in place of such a directory waits while what it was is given back. */
export function unwrappedOf(directory: string): string {
  return join(dirname(directory), `.${basename(directory)}.kapseli-unwrapped`);
}

/** Longest `#!` line that every kernel since 2.6 takes (man 2 execve: 127 bytes before Linux 5.1). */
const SHEBANG_BYTES = 127;

/**
 * Refuses a prefix whose path an engine could not carry in the files it installs.
 *
 * @throws {KapseliError} `badInput` with the reason.
 */
export function checkPrefixPath(root: string, tool: "conda" | "pip"): void {
  const refuse = (why: string): never => {
    throw new KapseliError(ExitCode.badInput, `the prefix ${JSON.stringify(root)} cannot be used: ${why}`, {
      hint: "Choose a directory without that: with --prefix, or by moving the environment.",
    });
  };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x1f\x7f]/.test(root)) refuse("its path holds a control character");
  if (root.includes("\ufffd")) refuse("its path is not valid UTF-8");
  const odd = /["'`$\\:;,]/.exec(root);
  if (odd)
    refuse(`its path holds ${JSON.stringify(odd[0])}, which scripts inside the environment would misread`);
  if (tool === "conda" && /\s/.test(root)) {
    refuse("its path holds a space, which the first lines of conda's scripts cannot carry");
  }
  const shebang = `#!${root}/bin/python3`;
  if (tool === "conda" && Buffer.byteLength(shebang) > SHEBANG_BYTES) {
    refuse(
      `its path is too long: a script's first line may have ${SHEBANG_BYTES} bytes, ${root.length} is too much`,
    );
  }
  if (root === "/") refuse("it is the root directory");
}
