import { lockLines } from "../prefix/environment-lock.ts";

/** How the two parts of a lock are called as inputs of a build. */
export const LOCK_PARTS = { conda: "conda-packages.txt", pip: "pip-packages.txt" } as const;

/** What an environment.lock says (written by build/packages.ts). */
export interface LockFile {
  /** conda's name of the platform that it is for; undefined without conda packages. */
  platform: string | undefined;
  /** An explicit list of conda packages, or undefined when there are none. */
  conda: string | undefined;
  /** A requirements file, or undefined when there are no packages of pip. */
  pip: string | undefined;
  counts: {
    conda: number;
    /** Of those, how many have a hash. */
    condaHashed: number;
    pip: number;
    pipHashed: number;
  };
  /** pip takes hashes for all requirements or for none: they were left out because some have none. */
  hashesLeftOut: boolean;
}

/** What venvs are made with. */
const SEEDS = /^(?:pip|setuptools|wheel|distribute)==/i;
const HASH = /\s+--hash=\S+/g;

/**
 * Reads an environment.lock. Pure.
 *
 * @returns undefined when it is none: neither an explicit list nor a `# pip` part.
 */
export function readLockFile(text: string): LockFile | undefined {
  const { conda: named, pip, head } = lockLines(text);
  const isExplicit = head.includes("@EXPLICIT");
  const conda = isExplicit ? named : [];
  if (conda.length + pip.length === 0) return undefined;
  if (!isExplicit && named.length > 0) return undefined;
  const hasHash = (line: string): boolean => line.includes(" --hash=");
  const pipHashed = pip.filter(hasHash).length;
  const unhashed = pip.filter((line) => !hasHash(line));
  // These came with the venv, not from an index: a new venv has them, too, and they need not cost the others' hashes.
  const onlySeeds = pipHashed > 0 && unhashed.every((line) => SEEDS.test(line));
  const hashesLeftOut = pipHashed > 0 && unhashed.length > 0 && !onlySeeds;
  const requirements = onlySeeds
    ? pip.filter(hasHash)
    : hashesLeftOut
      ? pip.map((line) => line.replace(HASH, ""))
      : pip;
  const platform = head.map((line) => /^# platform: (\S+)$/.exec(line)?.[1]).find((one) => one !== undefined);
  return {
    platform,
    conda: conda.length === 0 ? undefined : `${["@EXPLICIT", ...conda].join("\n")}\n`,
    pip: pip.length === 0 ? undefined : `${requirements.join("\n")}\n`,
    counts: {
      conda: conda.length,
      condaHashed: conda.filter((line) => /#(?:[0-9a-f]{32}|(?:sha256:)?[0-9a-f]{64})$/.test(line)).length,
      pip: pip.length,
      pipHashed,
    },
    hashesLeftOut,
  };
}

/** What a lock holds, in words. */
export function lockSummary({ platform, counts }: LockFile): string {
  const part = (count: number, hashed: number, what: string): string[] => {
    if (count === 0) return [];
    const sums =
      hashed === count ? "each with a hash" : hashed === 0 ? "without hashes" : `${hashed} with a hash`;
    return [`${count} ${what} package${count === 1 ? "" : "s"} (${sums})`];
  };
  const parts = [
    ...part(counts.conda, counts.condaHashed, "conda"),
    ...part(counts.pip, counts.pipHashed, "pip"),
  ];
  return `${parts.join(" and ")}${platform === undefined ? "" : ` for ${platform}`}`;
}
