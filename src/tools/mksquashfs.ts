/** Compressions in the order of preference; which one mounts is found by trial (build/trial.ts). */
export const COMPRESSIONS = ["zstd", "lz4", "gzip"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** 128 KiB: larger blocks make imports 1.5 to 1.75 times slower (measured, docs/performance in the README). */
const BLOCK_BYTES = 131_072;

export interface PackOptions {
  mksquashfs: string;
  source: string;
  image: string;
  compression: Compression;
  processors: number;
  /** Whether this mksquashfs takes `-action` (4.3 and newer built with it); else modes are opened beforehand. */
  actions: boolean;
  /** Adds the source's content to an image that is there. */
  append?: boolean;
  /** Further words of the site's configuration. */
  further?: readonly string[];
}

/**
 * The words that pack a tree. Kernel mounts enforce modes (measured, SingularityCE), so everything is made
 * readable; owners and extended attributes mean nothing in a read-only image of one user's environment.
 */
export function packArgv(options: PackOptions): [string, ...string[]] {
  const level = options.compression === "zstd" ? ["-Xcompression-level", "3"] : [];
  const further = (options.further ?? []).filter((word) => word !== "-noappend");
  // mksquashfs takes the last of most words, but refuses two compressions (measured, 4.5.1).
  const compression = further.includes("-comp") ? [] : ["-comp", options.compression, ...level];
  return [
    options.mksquashfs,
    options.source,
    options.image,
    // What is there already has the block size and the compression.
    ...(options.append ? [] : ["-noappend", "-b", String(BLOCK_BYTES), ...compression]),
    "-no-progress",
    "-info",
    "-all-root",
    "-no-xattrs",
    "-processors",
    String(options.processors),
    ...(options.actions ? ["-action", "chmod(a+rX)@true"] : []),
    ...further,
  ];
}

/** Whether a line of `-info` output reports one packed entry. */
export function isPackedEntry(line: string): boolean {
  return /^(file|directory|symbolic link|(un)?compressed|fragment|special|fifo|socket)\b/.test(line);
}
