export type Compression = "zstd" | "lz4" | "gzip";

/** What an image is to be good at: made and read fast, small, or some of both. */
export const COMPRESSION_LEVELS = ["fast", "default", "small"] as const;
export type CompressionLevel = (typeof COMPRESSION_LEVELS)[number];

/**
 * Compressions in the order of preference; which one mounts is found by trial (build/trial.ts). lz4 is read fastest,
 * zstd is the smallest that is read fast, gzip is what every squashfs has (measured, docs/performance.md).
 */
export function compressionsFor(level: CompressionLevel): readonly Compression[] {
  return { fast: FAST, default: BALANCED, small: SMALL }[level];
}
const FAST = ["lz4", "zstd", "gzip"] as const;
const BALANCED = ["zstd", "lz4", "gzip"] as const;
const SMALL = ["zstd", "gzip", "lz4"] as const;

const LEVEL = { fast: "1", default: "3", small: "15" } as const;

/** A compression with its options. gzip's own default is its best already. */
function compressionWords(compression: Compression, level: CompressionLevel): string[] {
  const words = ["-comp", compression];
  if (compression === "zstd") return [...words, "-Xcompression-level", LEVEL[level]];
  if (compression === "lz4" && level === "small") return [...words, "-Xhc"];
  if (compression === "gzip" && level === "fast") return [...words, "-Xcompression-level", LEVEL.fast];
  return words;
}

/** 128 KiB: larger blocks make imports 1.5 to 1.75 times slower (measured, docs/performance.md). */
const BLOCK_BYTES = 131_072;

/**
 * What mksquashfs may keep in memory (`-mem`, squashfs-tools 4.3 and newer). By itself it takes up to a quarter of the
 * host's, which on a login node is more than one user may have; with this much it is also a little faster (measured,
 * docs/performance.md).
 */
const MEMORY = "512M";

/**
 * Inodes and directories are not compressed, so that an update can add to the image (squashfs/join.ts) without knowing
 * its compression. It makes an image 0.7 % larger (measured, docs/performance.md). The table for NFS exports, which
 * nobody needs, would not be compressed either, and kernels of early 2021 refuse that when it is larger than a block
 * (Linux c1b2028315c6).
 */
const PLAIN_METADATA = ["-noI", "-no-exports"];

export interface PackOptions {
  mksquashfs: string;
  source: string;
  image: string;
  compression: Compression;
  level?: CompressionLevel;
  processors: number;
  /** Whether this mksquashfs takes `-action` (4.3 and newer built with it); else modes are opened beforehand. */
  actions: boolean;
  /** Whose everything in the image is. */
  owner: { uid: number; gid: number };
  /** Adds the source's content to an image that is there. */
  append?: boolean;
  /** Directories `MARKS/mark` that the image gets and the source need not have. */
  mark?: string;
  /** Further words of the site's configuration. */
  further?: readonly string[];
}

/**
 * The interpreter's own program or library, which every start reads nearly whole: left as it is, a start takes a tenth
 * less of the processor (measured, docs/performance.md), and the image is some megabytes larger.
 */
const INTERPRETER_AS_IT_IS = "uncompressed@(name(python3.*)||name(libpython3*))";

function actionWords({ actions, level, compression }: PackOptions, site: boolean): string[] {
  if (!actions) return [];
  const faster = level === "fast" && !site && compression !== "gzip";
  return ["-action", "chmod(a+rX)@true", ...(faster ? ["-action", INTERPRETER_AS_IT_IS] : [])];
}

/** Where an image carries what is ours, at its top. */
export const MARKS = ".kapseli";

/** Pseudo files as every mksquashfs since 4.0 makes them. What the source has of that name stays out. */
function markWords({ mark, owner }: PackOptions): { define: string[]; exclude: string[] } {
  if (mark === undefined) return { define: [], exclude: [] };
  const directory = (path: string): string[] => ["-p", `${path} d 755 ${owner.uid} ${owner.gid}`];
  return { define: [...directory(MARKS), ...directory(`${MARKS}/${mark}`)], exclude: ["-e", MARKS] };
}

/**
 * The words that pack a tree. Kernel mounts enforce modes (measured, SingularityCE), so everything is made
 * readable. Everything is the builder's own: in the user namespace in which an update changes the image's files over an
 * overlay, those of other owners could not be changed. Extended attributes mean nothing in one user's environment.
 */
export function packArgv(options: PackOptions): [string, ...string[]] {
  const { define, exclude } = markWords(options);
  const further = (options.further ?? []).filter((word) => word !== "-noappend");
  // mksquashfs takes the last of most words, but refuses two compressions (measured, 4.5.1).
  const compression = further.includes("-comp")
    ? []
    : compressionWords(options.compression, options.level ?? "default");
  return [
    options.mksquashfs,
    options.source,
    options.image,
    // What is there already has the block size and the compression.
    ...(options.append ? [] : ["-noappend", "-b", String(BLOCK_BYTES), ...compression, ...PLAIN_METADATA]),
    "-no-progress",
    "-info",
    "-force-uid",
    String(options.owner.uid),
    "-force-gid",
    String(options.owner.gid),
    "-no-xattrs",
    "-processors",
    String(options.processors),
    "-mem",
    MEMORY,
    ...actionWords(options, compression.length === 0),
    ...define,
    ...further,
    ...exclude,
  ];
}

/** Whether a line of `-info` output reports one packed entry. */
export function isPackedEntry(line: string): boolean {
  return /^(file|directory|symbolic link|(un)?compressed|fragment|special|fifo|socket)\b/.test(line);
}

/**
 * The file or directory that a line says could not be read. mksquashfs goes on without it, or with an empty file, and
 * ends with 0 (seen with 4.5.1).
 */
export function unreadPath(line: string): string | undefined {
  return (
    /^Failed to read file (.*), creating empty file\s*$/.exec(line)?.[1] ??
    /^Could not open (.*), skipping\.\.\.\s*$/.exec(line)?.[1]
  );
}
