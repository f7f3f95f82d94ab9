import * as z from "zod";
import { ExitCode, KapseliError } from "../errors.ts";

/** What a channel's repodata.json says of one package file. */
export interface PackageRecord {
  fileName: string;
  /** 64 lower-case hexadecimal digits. */
  sha256: string;
  /** Bytes; absent where the channel does not say. */
  size?: number;
  buildNumber: number;
  subdir: string;
}

export interface PackageWanted {
  name: string;
  /** Exactly this version. */
  version: string;
  /** The platform folder that the repodata is of, as `linux-64`. */
  subdir: string;
}

/** Longer records than this are passed over; ordinary ones have about 1 KB. */
const MAX_RECORD_BYTES = 1024 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

const isBlank = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

const RecordSchema = z.object({
  name: z.string(),
  version: z.string(),
  build_number: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/i),
  size: z.number().int().nonnegative().optional(),
  subdir: z.string().optional(),
});

/** The index of the first byte at or after `from` that is no white space; `bytes.length` if there is none. */
function skipBlanks(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && isBlank(bytes[at])) at += 1;
  return at;
}

/** The index after the string that begins at `from`; undefined if its end is not there yet. */
function stringEnd(bytes: Buffer, from: number): number | undefined {
  for (let at = from + 1; at < bytes.length; at += 1) {
    if (bytes[at] === BACKSLASH) at += 1;
    else if (bytes[at] === QUOTE) return at + 1;
  }
  return undefined;
}

/** The index after the object that begins at `from`; undefined if its end is not there yet. */
function objectEnd(bytes: Buffer, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      const end = stringEnd(bytes, at);
      if (end === undefined) return undefined;
      at = end - 1;
    } else if (byte === OPEN) depth += 1;
    else if (byte === CLOSE) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

type Entry =
  | { kind: "record"; fileName: string; json: string; end: number }
  /** A string that is no key of an object: an item of `removed`, a value. */
  | { kind: "other"; end: number }
  | { kind: "more" };

/** What begins with the quote at `from`. */
function entryAt(bytes: Buffer, from: number): Entry {
  const keyEnd = stringEnd(bytes, from);
  if (keyEnd === undefined) return { kind: "more" };
  const colon = skipBlanks(bytes, keyEnd);
  if (colon === bytes.length) return { kind: "more" };
  if (bytes[colon] !== COLON) return { kind: "other", end: keyEnd };
  const open = skipBlanks(bytes, colon + 1);
  if (open === bytes.length) return { kind: "more" };
  if (bytes[open] !== OPEN) return { kind: "other", end: keyEnd };
  const end = objectEnd(bytes, open);
  if (end === undefined) return { kind: "more" };
  const fileName = bytes.toString("utf8", from + 1, keyEnd - 1);
  return { kind: "record", fileName, json: bytes.toString("utf8", open, end), end };
}

function recordOf(fileName: string, json: string, wanted: PackageWanted): PackageRecord | undefined {
  // name-version-build: a build string has no dash (https://docs.conda.io/projects/conda-build, "Package naming
  // conventions"). The form also keeps slashes out of what becomes part of a URL and of a path.
  const build = fileName.slice(`${wanted.name}-${wanted.version}-`.length);
  if (!/^[A-Za-z0-9_.+]+\.(?:conda|tar\.bz2)$/.test(build)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  const record = RecordSchema.safeParse(value).data;
  if (record === undefined || record.name !== wanted.name || record.version !== wanted.version)
    return undefined;
  if (record.subdir !== undefined && record.subdir !== wanted.subdir) return undefined;
  return {
    fileName,
    sha256: record.sha256.toLowerCase(),
    ...(record.size === undefined ? {} : { size: record.size }),
    buildNumber: record.build_number,
    subdir: wanted.subdir,
  };
}

/** The higher build number wins; of the same build, `.conda`, which unpacks faster. */
function isBetter(one: PackageRecord, other: PackageRecord | undefined): boolean {
  if (other === undefined || one.buildNumber !== other.buildNumber)
    return one.buildNumber > (other?.buildNumber ?? -1);
  return one.fileName.endsWith(".conda") && !other.fileName.endsWith(".conda");
}

const notRepodata = (what: string): KapseliError =>
  new KapseliError(ExitCode.installFailed, `What came is not a channel's repodata: ${what}.`, {
    hint: "Check the channel's URL; a proxy or a login page may answer in its place.",
  });

/**
 * The record of the newest build of one version of one package, from the text of a repodata.json (UTF-8, in chunks
 * of any size), or undefined when it holds none with a sha256. The text, 250 MB for a large channel, is neither held
 * nor parsed as a whole: the package's name is searched for as bytes, and only what follows it as the key of an
 * object is parsed. (A streaming JSON parser would go through every byte in JavaScript.) At most 1 MiB and a
 * chunk are held. Both sections, `packages` and `packages.conda`, count; names in `removed` do not.
 * Throws KapseliError (installFailed) when the text does not begin and end as a JSON object, and what the stream
 * throws.
 */
export async function findPackage(
  text: AsyncIterable<Uint8Array>,
  wanted: PackageWanted,
): Promise<PackageRecord | undefined> {
  const needle = Buffer.from(`"${wanted.name}-${wanted.version}-`);
  let best: PackageRecord | undefined;
  let held = Buffer.alloc(0);
  let first: number | undefined;
  let last: number | undefined;

  /** Looks through what is held and keeps what a later chunk may complete. */
  const search = (): void => {
    let from = 0;
    for (;;) {
      const found = held.indexOf(needle, from);
      if (found === -1) {
        // One byte more than a part of the needle: the backslash that may stand before its quote.
        held = Buffer.from(held.subarray(Math.max(from, held.length - needle.length)));
        return;
      }
      if (held[found - 1] === BACKSLASH) {
        from = found + 1;
        continue;
      }
      const entry = entryAt(held, found);
      if (entry.kind === "more") {
        if (held.length - found <= MAX_RECORD_BYTES) {
          held = Buffer.from(held.subarray(found));
          return;
        }
        from = found + 1;
      } else {
        from = entry.end;
        if (entry.kind === "record") {
          const record = recordOf(entry.fileName, entry.json, wanted);
          if (record !== undefined && isBetter(record, best)) best = record;
        }
      }
    }
  };

  for await (const chunk of text) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (first === undefined) {
      first = bytes[skipBlanks(bytes, 0)];
      if (first !== undefined && first !== OPEN) throw notRepodata("it does not begin with {");
    }
    let end = bytes.length;
    while (end > 0 && isBlank(bytes[end - 1])) end -= 1;
    if (end > 0) last = bytes[end - 1];
    held = Buffer.concat([held, bytes]);
    search();
  }
  if (first === undefined) throw notRepodata("it is empty");
  if (last !== CLOSE) throw notRepodata("its end is missing");
  return best;
}
