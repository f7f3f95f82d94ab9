export interface UnpackOptions {
  unsquashfs: string;
  image: string;
  /** Where the image's root directory goes; it may exist. */
  destination: string;
  processors: number;
}

/**
 * The words that unpack an image, every one known to squashfs-tools 4.3 to 4.6. Without `-processors` it starts
 * threads for every processor of the machine, also where a job may use two of them. Extended attributes are not in
 * our images, and an ordinary user could not set them.
 */
export function unpackArgv(options: UnpackOptions): [string, ...string[]] {
  return [
    options.unsquashfs,
    "-force",
    "-no-progress",
    "-info",
    "-no-xattrs",
    "-processors",
    String(options.processors),
    "-dest",
    options.destination,
    options.image,
  ];
}

/** How many files, directories and links there are to unpack, where a line of its output says so. */
export function entriesToWrite(line: string): number | undefined {
  const found = /^(\d+) inodes \(\d+ blocks\) to write/.exec(line);
  return found?.[1] === undefined ? undefined : Number(found[1]);
}

/** What unsquashfs made of an image. */
export type Unpacking =
  | { ok: true }
  | { ok: false; problem: "no space" | "damaged" | "no image" | "other"; lines: string[] }
  | { ok: false; problem: "compression"; compression: string; lines: string[] };

/** Only root is told: on a file system that does not let it give files away. Whose they are means nothing here. */
const HARMLESS = /failed to change uid and gids/i;

/**
 * Reads how an unpacking went. Before 4.4 unsquashfs ends with 0 when it could not write a file
 * (https://github.com/plougher/squashfs-tools/pull/46), so what it printed counts as much as its exit code; from
 * 4.5 on, 2 means that it went on after an error.
 *
 * @param output stdout and stderr
 */
export function parseUnpacking(exitCode: number, output: string): Unpacking {
  const said = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !HARMLESS.test(line));
  const lines = said.filter((line) => /fail|error|unsupported|because|can't|corrupt/i.test(line)).slice(-8);
  const errors = said.filter((line) => /\bfailed\b|FATAL ERROR|unsupported by this version/.test(line));
  if ((exitCode === 0 || (exitCode === 2 && HARMLESS.test(output))) && errors.length === 0)
    return { ok: true };
  const text = errors.join("\n");
  const compression = /uses (\S+) compression, this is unsupported/.exec(said.join("\n"))?.[1];
  if (compression !== undefined) return { ok: false, problem: "compression", compression, lines };
  if (/No space left|quota exceeded/i.test(text)) return { ok: false, problem: "no space", lines };
  if (/Can't find a (?:valid )?SQUASHFS superblock/i.test(said.join("\n")))
    return { ok: false, problem: "no image", lines };
  if (/corrupt|uncompress|failed because EOF|failed to read/i.test(text))
    return { ok: false, problem: "damaged", lines };
  return { ok: false, problem: "other", lines };
}
