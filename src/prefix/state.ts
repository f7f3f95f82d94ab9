import type { Manifest } from "./manifest.ts";

/** Why a manifest cannot be had. */
export type ManifestProblem = "missing" | "damaged" | "newer";

/** What was seen of one generation's files; its image is not read for that. */
export interface SeenGeneration {
  number: number;
  /** What a launch needs and is not there or cannot be read, as names in the generation (`env.sqfs`). */
  missing: readonly string[];
  /** Bytes of the image that is there. */
  imageSize: number | undefined;
  /** What it recorded of itself, or why that is not to be had. */
  manifest: Manifest | { problem: ManifestProblem };
  /** The place it was built for, and whether it also runs elsewhere as it is; undefined without a launcher. */
  builtFor: { root: string; anywhere: boolean } | undefined;
  /** The names that may be called, as its launcher has them. */
  commands: readonly string[];
}

/** What was seen of a prefix. */
export interface SeenEnvironment {
  /** The directory that holds `current`. */
  root: string;
  /** What `current` leads to, as it is written; undefined where there is no such link. */
  current: { target: string; number: number | undefined } | undefined;
  generations: readonly SeenGeneration[];
  /** Commands of the current generation that have no launcher in bin. */
  withoutLauncher: readonly string[];
  /** A directory of it that this user may not look into. */
  closed?: string;
}

/**
 * `ok`: as it was made · `moved`: whole, at another place than the one it was built for · `damaged`: its commands
 * start, but something is missing or changed · `broken`: its commands do not start · `unreadable`: may not be seen.
 */
export const CONDITIONS = ["ok", "moved", "damaged", "broken", "unreadable"] as const;
export type Condition = (typeof CONDITIONS)[number];

/** One thing that is not as it was made. */
export interface Problem {
  /** Absolute. */
  path: string;
  /** What is wrong with it, as the rest of a sentence that begins with the path. */
  what: string;
  /** Whether commands do not start because of it. */
  breaks: boolean;
}

export interface EnvironmentState {
  condition: Condition;
  problems: Problem[];
}

const MANIFEST_PROBLEMS: Readonly<Record<ManifestProblem, string>> = {
  missing: "is missing or cannot be read",
  damaged: "cannot be understood: it is cut or was changed",
  newer: "was written by a newer Kapseli, which this one does not understand",
};

/** The record of a generation; undefined when it cannot be had. */
export function manifestSeen({ manifest }: SeenGeneration): Manifest | undefined {
  return "problem" in manifest ? undefined : manifest;
}

/** The generation that `current` names and that is there. */
export function currentSeen({ current, generations }: SeenEnvironment): SeenGeneration | undefined {
  return generations.find(({ number }) => number === current?.number);
}

/** What is wrong with one generation, as far as can be told without reading its image. */
export function generationProblems(root: string, seen: SeenGeneration): Problem[] {
  const directory = `${root}/generations/${seen.number}`;
  const problems: Problem[] = seen.missing.map((name) => ({
    path: name.startsWith("/") ? name : `${directory}/${name}`,
    what: "is missing or cannot be read",
    breaks: true,
  }));
  const { manifest } = seen;
  if ("problem" in manifest) {
    const what = MANIFEST_PROBLEMS[manifest.problem];
    problems.push({ path: `${directory}/manifest.json`, what, breaks: false });
  } else if (
    manifest.image &&
    seen.imageSize !== undefined &&
    seen.imageSize !== manifest.image.size &&
    !seen.missing.includes("env.sqfs")
  ) {
    const what = `has ${seen.imageSize} bytes instead of ${manifest.image.size}`;
    // A cut image has lost its tables, which are at its end.
    const breaks = seen.imageSize < manifest.image.size;
    problems.push({ path: `${directory}/env.sqfs`, what, breaks });
  }
  return problems;
}

function currentProblem({ root, current, generations }: SeenEnvironment): Problem {
  const what =
    current === undefined
      ? "is missing"
      : current.number === undefined
        ? `leads to ${current.target}, which is no generation`
        : `leads to generation ${current.number}, which is not there`;
  const there = generations.map(({ number }) => number);
  const has = there.length === 0 ? "there is none" : `there is ${there.join(", ")}`;
  return { path: `${root}/current`, what: `${what} (${has})`, breaks: true };
}

/**
 * What state an environment is in, from what was seen of its files: nothing of it is started or read whole. Problems
 * of generations that are not current do not count.
 */
export function environmentState(seen: SeenEnvironment): EnvironmentState {
  if (seen.closed !== undefined) {
    const what = "cannot be looked into: no permission";
    return { condition: "unreadable", problems: [{ path: seen.closed, what, breaks: false }] };
  }
  const current = currentSeen(seen);
  if (!current) return { condition: "broken", problems: [currentProblem(seen)] };
  const problems = generationProblems(seen.root, current);
  problems.push(
    ...seen.withoutLauncher.map((name) => ({
      path: `${seen.root}/bin/${name}`,
      what: "is missing",
      breaks: false,
    })),
  );
  const { builtFor } = current;
  const moved = builtFor !== undefined && builtFor.root !== seen.root && !builtFor.anywhere;
  if (problems.some(({ breaks }) => breaks)) return { condition: "broken", problems };
  if (problems.length > 0) return { condition: "damaged", problems };
  return { condition: moved ? "moved" : "ok", problems };
}
