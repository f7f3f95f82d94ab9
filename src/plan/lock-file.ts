import { lockLines } from "../prefix/environment-lock.ts";

/** How the two parts of a lock are called as inputs of a build. */
export const LOCK_PARTS = { conda: "conda-packages.txt", pip: "pip-packages.txt" } as const;

/** pip's part of a lock. */
export interface LockedRequirements {
  /** Lines with a hash, which is checked. */
  hashed: string[];
  /** Lines without one: from a directory or a repository, or of an index that told none. */
  unhashed: string[];
  /** Of those without one, what Python's venvs are made with: it came with the venv, and a new one has it, too. */
  seeds: string[];
}

/** What an environment.lock says (written by build/packages.ts). */
export interface LockFile {
  /** conda's name of the platform that it is for; undefined without conda packages. */
  platform: string | undefined;
  /** An explicit list of conda packages, or undefined when there are none. */
  conda: string | undefined;
  /** Undefined when there are no packages of pip. */
  pip: LockedRequirements | undefined;
  counts: {
    conda: number;
    /** Of those, how many have a hash. */
    condaHashed: number;
    pip: number;
    pipHashed: number;
  };
}

const SEEDS = /^(?:pip|setuptools|wheel|distribute)==/i;

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
  const hashed = pip.filter((line) => line.includes(" --hash="));
  const others = pip.filter((line) => !line.includes(" --hash="));
  const platform = head.map((line) => /^# platform: (\S+)$/.exec(line)?.[1]).find((one) => one !== undefined);
  return {
    platform,
    conda: conda.length === 0 ? undefined : `${["@EXPLICIT", ...conda].join("\n")}\n`,
    pip:
      pip.length === 0
        ? undefined
        : {
            hashed,
            unhashed: others.filter((line) => !SEEDS.test(line)),
            seeds: others.filter((line) => SEEDS.test(line)),
          },
    counts: {
      conda: conda.length,
      condaHashed: conda.filter((line) => /#(?:[0-9a-f]{32}|(?:sha256:)?[0-9a-f]{64})$/.test(line)).length,
      pip: pip.length,
      pipHashed: hashed.length,
    },
  };
}

/**
 * What of pip's part is installed again. Pure.
 *
 * @param bare whether a new environment begins without pip and setuptools, as uv makes it
 */
export function wantedAgain(
  { hashed, unhashed, seeds }: LockedRequirements,
  bare: boolean,
): Omit<LockedRequirements, "seeds"> {
  return { hashed, unhashed: bare || hashed.length === 0 ? [...seeds, ...unhashed] : unhashed };
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
