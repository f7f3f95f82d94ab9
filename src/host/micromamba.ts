import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, constants, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import * as z from "zod";
import { ExitCode, KapseliError } from "../errors.ts";
import {
  type ChannelSettings,
  type CondarcChannels,
  channelSettings,
  channelUrls,
} from "../tools/conda-channel.ts";
import { redactSecrets } from "../tools/redact.ts";
import { findPackage, type PackageRecord } from "../tools/repodata.ts";
import { zstdDecoded } from "../tools/zstd.ts";
import { extractMember } from "./archive.ts";
import { orCacheRefused } from "./cache-directory.ts";
import {
  type DownloadProgress,
  download,
  type OpenDownloadRequest,
  openDownload,
  statusOf,
} from "./download.ts";
import { makeDirectories } from "./files.ts";
import type { HttpEnvironment } from "./http-agent.ts";
import { inOwnDirectory } from "./work-directory.ts";

/**
 * The version that is downloaded: the one whose flags, output and behaviour with file:// channels, `pip:` and
 * `variables:` were tried by hand with a build of it for Linux x86_64. Change it together with what the micromamba
 * engine expects of it.
 */
export const MICROMAMBA_VERSION = "2.8.1";

/**
 * The program in the conda package, which on conda-forge is a `.tar.bz2` with `bin/micromamba` in it: the feedstock
 * strips and tests ${PREFIX}/bin/micromamba (github.com/conda-forge/micromamba-feedstock recipe/build.sh and meta.yaml),
 * and mamba-org's own releases are made by taking bin/micromamba out of that package, `.tar.bz2` or `.conda`
 * (github.com/mamba-org/micromamba-releases fetch_release.py).
 */
const MEMBER = "bin/micromamba";

const RECORD = "kapseli.json";
const PROGRAM = "micromamba";

export type MicromambaPlatform = "linux-64" | "linux-aarch64";

export interface MicromambaProgress extends DownloadProgress {
  phase: "repodata" | "package";
  /** What is being downloaded, without credentials. */
  url: string;
}

export interface MicromambaRequest {
  /** The user's channels as they wrote them, in their order (tools/conda-channel.ts). */
  channels: readonly string[];
  /** Absolute path of the tool's cache; made with mode 0700 if it is not there. */
  cacheDirectory: string;
  platform: MicromambaPlatform;
  /** Where proxies, certificates and channel aliases are named. */
  environment: HttpEnvironment;
  signal: AbortSignal;
  onProgress?: (progress: MicromambaProgress) => void;
  /** The version wanted. */
  pinned?: string;
  /** What the user's .condarc says of channels. */
  condarc?: CondarcChannels;
  /** What channels given as relative paths are relative to; without it, the process's own directory. */
  directory?: string;
  /** How downloads are retried. */
  retry?: Pick<OpenDownloadRequest, "attempts" | "idleTimeoutMs" | "wait">;
}

export interface MicromambaFound {
  missing: false;
  /** Absolute path of the program. */
  path: string;
  version: string;
  /** The URL of the package it came from, without credentials. */
  source: string;
  /** sha256 of that package, in lower-case hexadecimal: the one in the channel's repodata. */
  sha256: string;
  fromCache: boolean;
}

/** What was asked, and why it did not give micromamba. */
export interface TriedChannel {
  /** As the user wrote it, without credentials. */
  channel: string;
  /** Its base URL, without credentials; absent when the channel's name leads nowhere. */
  url?: string;
  outcome: "not-there" | "unreachable" | "no-url";
  /** For the user: why. */
  reason: string;
}

export interface MicromambaMissing {
  missing: true;
  tried: TriedChannel[];
}

const CacheRecord = z.object({
  version: z.string(),
  platform: z.string(),
  source: z.string(),
  sha256: z.string(),
  programSha256: z.string(),
});
type CacheRecord = z.infer<typeof CacheRecord>;

async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest("hex");
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** The record of a cache entry whose program is the one that was put there; undefined for anything else. */
async function intact(entry: string, signal: AbortSignal): Promise<CacheRecord | undefined> {
  try {
    const record = CacheRecord.parse(JSON.parse(await readFile(join(entry, RECORD), "utf8")));
    const program = join(entry, PROGRAM);
    await access(program, constants.X_OK);
    return (await sha256Of(program, signal)) === record.programSha256 ? record : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** Looks through the cache without asking any channel. */
async function cached(
  root: string,
  request: MicromambaRequest,
  version: string,
): Promise<MicromambaFound | undefined> {
  const names = await readdir(root).catch(() => []);
  for (const name of names.sort()) {
    const entry = join(root, name);
    if (!name.startsWith(`${version}-`)) continue;
    const record = await intact(entry, request.signal);
    if (record?.version !== version || record.platform !== request.platform) continue;
    const path = join(entry, PROGRAM);
    return { missing: false, path, version, source: record.source, sha256: record.sha256, fromCache: true };
  }
  return undefined;
}

/** What a channel's repodata says of the package. The small compressed file first: not all channels have it. */
async function recordIn(
  base: string,
  request: MicromambaRequest,
  version: string,
): Promise<PackageRecord | undefined> {
  const wanted = { name: "micromamba", version, subdir: request.platform };
  const opened = (url: string): AsyncGenerator<Uint8Array, void, void> =>
    openDownload({ ...common(request, url, "repodata"), url });
  const plain = `${base}/${request.platform}/repodata.json`;
  const packed = `${plain}.zst`;
  try {
    return await findPackage(zstdDecoded(opened(packed)), wanted);
  } catch (error) {
    request.signal.throwIfAborted();
    // Not there (some stores say 403 for that), or no Zstandard: the plain file decides. A server that cannot be
    // reached or has trouble would not give that one either.
    const status = statusOf(error) ?? 0;
    if (error instanceof KapseliError && (status < 400 || status >= 500)) throw error;
  }
  return await findPackage(opened(plain), wanted);
}

function common(request: MicromambaRequest, url: string, phase: MicromambaProgress["phase"]) {
  const shown = redactSecrets(url);
  return {
    ...request.retry,
    signal: request.signal,
    environment: request.environment,
    onProgress: (progress: DownloadProgress) => request.onProgress?.({ ...progress, phase, url: shown }),
  };
}

/**
 * Puts a complete directory where an entry belongs. When another build was faster, its entry stays if it is intact;
 * a damaged one is moved out of the way first.
 */
async function publish(made: string, entry: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await rename(made, entry);
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(codeOf(error))) throw error;
    }
    if (await intact(entry, signal)) return;
    const aside = `${made}-damaged`;
    await rename(entry, aside).catch((error: unknown) => {
      // Another build moved it already.
      if (codeOf(error) !== "ENOENT") throw error;
    });
    await rm(aside, { recursive: true, force: true });
  }
}

async function install(
  base: string,
  record: PackageRecord,
  root: string,
  request: MicromambaRequest,
): Promise<MicromambaFound> {
  const version = request.pinned ?? MICROMAMBA_VERSION;
  const url = `${base}/${request.platform}/${record.fileName}`;
  const source = redactSecrets(url);
  const { signal, platform } = request;
  return inOwnDirectory(root, async (own) => {
    const made = join(own, "entry");
    await mkdir(made, { mode: 0o700 });
    const archive = join(made, record.fileName);
    await download({
      ...common(request, url, "package"),
      url,
      destination: archive,
      sha256: record.sha256,
      ...(record.size === undefined ? {} : { size: record.size }),
    });
    const program = join(made, PROGRAM);
    const { sha256: programSha256 } = await extractMember({
      archive,
      member: MEMBER,
      destination: program,
      mode: 0o700,
      signal,
    });
    await rm(archive);
    const kept: CacheRecord = { version, platform, source, sha256: record.sha256, programSha256 };
    await writeFile(join(made, RECORD), `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
    const entry = join(root, `${version}-${record.sha256.slice(0, 16)}`);
    await publish(made, entry, signal);
    return {
      missing: false,
      path: join(entry, PROGRAM),
      version,
      source,
      sha256: record.sha256,
      fromCache: false,
    };
  });
}

async function inChannel(
  channel: string,
  settings: ChannelSettings,
  root: string,
  request: MicromambaRequest,
  tried: TriedChannel[],
): Promise<MicromambaFound | undefined> {
  const version = request.pinned ?? MICROMAMBA_VERSION;
  const shown = redactSecrets(channel);
  const bases = channelUrls(channel, settings);
  if (bases.length === 0)
    tried.push({ channel: shown, outcome: "no-url", reason: "this name leads to no channel's URL" });
  for (const base of bases) {
    let record: PackageRecord | undefined;
    try {
      record = await recordIn(base, request, version);
    } catch (error) {
      request.signal.throwIfAborted();
      const reason = error instanceof Error ? error.message : String(error);
      const outcome = statusOf(error) === 404 ? "not-there" : "unreachable";
      tried.push({ channel: shown, url: redactSecrets(base), outcome, reason });
      continue;
    }
    if (record !== undefined) return await install(base, record, root, request);
    const reason = `it has no micromamba ${version} for ${request.platform}`;
    tried.push({ channel: shown, url: redactSecrets(base), outcome: "not-there", reason });
  }
  return undefined;
}

/**
 * A micromamba of exactly the pinned version: from the cache when it holds an intact one for this platform (then
 * nothing is asked over the network), else the conda package of the first of the user's own channels that has it, by
 * the sha256 in that channel's repodata. Kept as `<cacheDirectory>/micromamba/<version>-<first 16 of the package's
 * sha256>/micromamba`, in directories of mode 0700, beside a record of the program's own sha256, by which a damaged
 * entry is found and replaced. Two builds at once do no harm.
 *
 * When no channel has it, the result says what was tried, channels that cannot be reached included, so that the caller
 * goes on to its next engine. Throws KapseliError (installFailed) when a channel lists it and the package is not what
 * the channel says or does not come, or when the cache cannot be written; `signal.reason` when aborted.
 *
 * Not run against a real channel: none is reachable where this was written. Its tests use servers of their own with
 * packages of the layout that MEMBER cites.
 */
export async function ensureMicromamba(
  request: MicromambaRequest,
): Promise<MicromambaFound | MicromambaMissing> {
  request.signal.throwIfAborted();
  const root = join(request.cacheDirectory, "micromamba");
  const found = await cached(root, request, request.pinned ?? MICROMAMBA_VERSION);
  if (found !== undefined) return found;
  const settings = channelSettings(
    request.environment,
    request.condarc ?? {},
    request.directory ?? process.cwd(),
  );
  const tried: TriedChannel[] = [];
  try {
    await makeDirectories(root, 0o700);
    for (const channel of request.channels.filter((one) => one.trim() !== "nodefaults")) {
      const installed = await inChannel(channel, settings, root, request, tried);
      if (installed !== undefined) return installed;
    }
    return { missing: true, tried };
  } catch (error) {
    request.signal.throwIfAborted();
    const said = orCacheRefused(error, request.cacheDirectory);
    if (said instanceof KapseliError) throw said;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KapseliError(ExitCode.installFailed, `The cache ${root} cannot be used: ${reason}.`, {
      hint: "Is there space, and may you write there?",
      cause: error,
    });
  }
}
