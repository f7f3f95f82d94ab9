/** The one name that all ways to write a Python package's name stand for (PEP 503). */
export const normalName = (name: string): string => name.toLowerCase().replace(/[-_.]+/g, "-");

/** One package of an environment.lock (build/packages.ts writes it). */
export interface LockedPackage {
  source: "conda" | "pip";
  name: string;
  version?: string;
  /** conda's: the build string, the platform's directory, and the address of the channel that both stand below. */
  build?: string;
  subdir?: string;
  channel?: string;
  /** Where it came from, where that is known: a conda package's file, or the address that pip was given. */
  url?: string;
  hash?: { algorithm: "md5" | "sha256"; value: string };
}

function condaPackage(line: string): LockedPackage | undefined {
  const match =
    /^((\S+)\/([^/\s]+)\/(\S+)-([^-/\s]+)-([^-/\s]+)\.(?:conda|tar\.bz2))(?:#(?:sha256:)?([0-9a-f]{64}|[0-9a-f]{32}))?$/.exec(
      line,
    );
  if (!match) return undefined;
  const [, url = "", channel = "", subdir = "", name = "", version = "", build = "", value] = match;
  const algorithm = value?.length === 64 ? "sha256" : "md5";
  return {
    source: "conda",
    name,
    version,
    build,
    subdir,
    channel,
    url,
    ...(value === undefined ? {} : { hash: { algorithm, value } }),
  };
}

function pipPackage(line: string): LockedPackage | undefined {
  const match = /^([^\s=]+)(?:==(\S+)| @ (\S+))((?: --hash=sha256:[0-9a-f]{64})*)$/.exec(line);
  if (!match?.[1]) return undefined;
  const [, name, version, url, options = ""] = match;
  // Of several, which of the version's files was installed is not known.
  const value = /^ --hash=sha256:([0-9a-f]{64})$/.exec(options)?.[1];
  return {
    source: "pip",
    name,
    ...(version === undefined ? {} : { version }),
    ...(url === undefined ? {} : { url }),
    ...(value ? { hash: { algorithm: "sha256", value } } : {}),
  };
}

/** The lines of an environment.lock: those of its two parts that name packages, and what stands above pip's. */
export interface LockLines {
  conda: string[];
  pip: string[];
  /** Trimmed lines, comments included, before the part of pip. */
  head: string[];
}

/** Reads the lines of an environment.lock. Pure. */
export function lockLines(text: string): LockLines {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const begin = lines.indexOf("# pip");
  const head = begin === -1 ? lines : lines.slice(0, begin);
  const isPackage = (line: string): boolean => line !== "" && !line.startsWith("#") && line !== "@EXPLICIT";
  const pip = begin === -1 ? [] : lines.slice(begin + 1);
  return { conda: head.filter(isPackage), pip: pip.filter(isPackage), head };
}

/** The packages of an environment.lock, in its order. Lines that are none are left out. Pure. */
export function lockedPackages(text: string): LockedPackage[] {
  const { conda, pip } = lockLines(text);
  return [...conda, ...pip].flatMap((line) => condaPackage(line) ?? pipPackage(line) ?? []);
}

/** `--hash` options by pinned package: a hash for each file that a version may come in, in a lock or in what uv writes. */
export type PinnedHashes = ReadonlyMap<string, string>;

const PINNED = /^([^\s=@]+)==([^\s;]+?)((?: --hash=sha256:[0-9a-f]{64})*)$/;
/** The key of a package in `PinnedHashes`. */
export const pinned = (name: string, version: string): string => `${normalName(name)}==${version}`;

/** The hashes in lines of requirements; one that goes on in the next line ends with a backslash. Pure. */
export function pinnedHashes(text: string): PinnedHashes {
  const hashes = new Map<string, string>();
  for (const line of text.replace(/\s*\\\r?\n\s*/g, " ").split(/\r?\n/)) {
    const [, name, version, options] = PINNED.exec(line.trim()) ?? [];
    if (name && version && options) hashes.set(pinned(name, version), options.trim());
  }
  return hashes;
}

/** A lock in which the packages of pip that had no hash have those of the same version, where there are any. Pure. */
export function withHashes(lock: string, hashes: PinnedHashes): string {
  const begin = lock.split("\n").indexOf("# pip");
  if (begin === -1) return lock;
  const added = (line: string): string => {
    const [, name, version, options] = PINNED.exec(line) ?? [];
    const known = name && version && options === "" && hashes.get(pinned(name, version));
    return known ? `${line} ${known}` : line;
  };
  return lock
    .split("\n")
    .map((line, index) => (index <= begin ? line : added(line)))
    .join("\n");
}
