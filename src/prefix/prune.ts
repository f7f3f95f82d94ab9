/** A generation that was replaced is kept this long: jobs on other nodes may still run from it. */
export const KEPT_MS = 14 * 24 * 60 * 60_000;

/** What is known of a generation when it is decided whether it goes. */
export interface PruneCandidate {
  number: number;
  /** When it stopped being the current one, in ms since the epoch; undefined: not known. */
  replaced: number | undefined;
  /** Whether everything that a launch needs is there. */
  complete: boolean;
  /** Whether its build came to its end, or it was in use once. */
  finished: boolean;
  /** Whether a process on this host uses it. */
  used: boolean;
}

/** Why a generation stays (the first four), or goes. */
export const PRUNE_REASONS = [
  "current",
  "previous",
  "in use",
  "recent",
  "old",
  "recent, asked for",
  "unfinished",
] as const;
export type PruneReason = (typeof PRUNE_REASONS)[number];

export interface PruneVerdict {
  number: number;
  goes: boolean;
  why: PruneReason;
}

/**
 * The generations that one goes back to: the newest complete one before the current one, which `rollback` takes, and
 * the one that was current last. Mostly they are the same.
 */
export function previousGenerations(current: number, candidates: readonly PruneCandidate[]): Set<number> {
  const others = candidates.filter(({ number, complete }) => number !== current && complete);
  const newestFirst = others.filter(({ number }) => number < current).sort((a, b) => b.number - a.number);
  const lastFirst = [...others].sort((a, b) => (b.replaced ?? 0) - (a.replaced ?? 0) || b.number - a.number);
  return new Set([newestFirst[0], lastFirst[0]].flatMap((one) => (one ? [one.number] : [])));
}

/**
 * Decides which generations go when somebody asks for room.
 *
 * @param now ms since the epoch
 * @param also whether those that were replaced less than 14 days ago go, too
 */
export function decidePrune(
  current: number,
  candidates: readonly PruneCandidate[],
  now: number,
  also: boolean,
): PruneVerdict[] {
  const previous = previousGenerations(current, candidates);
  return candidates.map(({ number, replaced, finished, used }) => {
    const verdict = (goes: boolean, why: PruneReason): PruneVerdict => ({ number, goes, why });
    if (number === current) return verdict(false, "current");
    if (previous.has(number)) return verdict(false, "previous");
    if (used) return verdict(false, "in use");
    if (!finished) return verdict(true, "unfinished");
    // A time that lies ahead is of a clock that was set back: not known to be long ago.
    if (replaced !== undefined && now - replaced > KEPT_MS) return verdict(true, "old");
    return also ? verdict(true, "recent, asked for") : verdict(false, "recent");
  });
}
