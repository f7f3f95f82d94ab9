import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { Dispatcher } from "undici";
import { ExitCode, KapseliError } from "../errors.ts";
import { redactSecrets } from "../tools/redact.ts";
import { asKapseliError, HttpStatus, isPassing, OtherFile, TooShort } from "./download-errors.ts";
import { type HttpEnvironment, httpAgent } from "./http-agent.ts";

export { statusOf } from "./download-errors.ts";

const DEFAULT_ATTEMPTS = 5;
const DEFAULT_IDLE_TIMEOUT_MS = 60_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;
/** A server that asks for a longer pause is asked again after this one. */
const MAX_RETRY_AFTER_MS = 120_000;

export interface DownloadProgress {
  /** Bytes that came over the network, before any decoding. */
  received: number;
  /** Bytes in all, where the server says. */
  total?: number;
}

export interface OpenDownloadRequest {
  /** http://, https:// or file://; `user:password@` in it is sent as basic authentication and never shown. */
  url: string;
  headers?: Readonly<Record<string, string>>;
  signal: AbortSignal;
  /** Where proxies and certificates are named (http-agent.ts). `process.env` is not looked at. */
  environment: HttpEnvironment;
  onProgress?: (progress: DownloadProgress) => void;
  /** How often to ask in all, the first time included. */
  attempts?: number;
  /** How long the server may say nothing, in milliseconds. */
  idleTimeoutMs?: number;
  /** Waits between attempts, in milliseconds; tests give one that does not. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface DownloadRequest extends OpenDownloadRequest {
  /** Absolute path of the file to make; replaced if it is there. Its directory exists. */
  destination: string;
  /** What the file's sha256 must be, in hexadecimal. */
  sha256?: string;
  /** What the file's size must be, in bytes. */
  size?: number;
}

export interface Downloaded {
  /** In lower-case hexadecimal. */
  sha256: string;
  /** Bytes. */
  size: number;
}

const wait = async (ms: number, signal: AbortSignal): Promise<void> =>
  void (await sleep(ms, undefined, { signal }));

/**
 * How long to wait after failed attempt number `attempt` (1 is the first), in milliseconds: what `Retry-After` says
 * (seconds or an HTTP date: RFC 9110, 10.2.3; at most two minutes), else 0.5 s, doubled each time, at most 30 s.
 * Pure; `now` is in milliseconds since 1970.
 */
export function retryDelayMs(attempt: number, retryAfter: string | undefined, now: number): number {
  const asked = retryAfter?.trim();
  const ms = asked ? (/^\d+$/.test(asked) ? Number(asked) * 1000 : Date.parse(asked) - now) : Number.NaN;
  if (!Number.isNaN(ms)) return Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
  return Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS);
}

const header = (headers: Dispatcher.ResponseData["headers"], name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

/** The URL without credentials, and the header that carries them (RFC 7617). */
function withoutCredentials(url: URL): { url: URL; authorization: Record<string, string> } {
  if (url.username === "" && url.password === "") return { url, authorization: {} };
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  const plain = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  const pair = Buffer.from(`${plain(url.username)}:${plain(url.password)}`).toString("base64");
  return { url: bare, authorization: { authorization: `Basic ${pair}` } };
}

/** What is known of one download over all its attempts. Counts are of bytes as they come, before decoding. */
interface Transfer {
  received: number;
  /** The `content-encoding` of the answer. */
  encoding?: string | undefined;
  total?: number | undefined;
  /** What tells this version of the file from another: the ETag, or the time of the last change. */
  version?: string | undefined;
}

/** Sends one request for what is still missing and gives the answer's body from there on. */
async function* attempt(
  request: OpenDownloadRequest,
  agent: Dispatcher,
  acceptEncoding: string,
  transfer: Transfer,
): AsyncGenerator<Uint8Array, void, void> {
  const { url, authorization } = withoutCredentials(new URL(request.url));
  const from = transfer.received;
  // A weak ETag (W/) must not be in If-Range (RFC 9110, 13.1.5).
  const strong = transfer.version !== undefined && !transfer.version.startsWith("W/");
  const range =
    from === 0 ? {} : { range: `bytes=${from}-`, ...(strong ? { "if-range": transfer.version } : {}) };
  const { request: httpRequest } = await import("undici");
  const { statusCode, headers, body } = await httpRequest(url, {
    dispatcher: agent,
    signal: request.signal,
    headers: {
      "user-agent": "kapseli",
      "accept-encoding": acceptEncoding,
      ...authorization,
      ...request.headers,
      ...range,
    },
  });
  try {
    // The file was complete already; its length had not been told before.
    if (statusCode === 416 && header(headers, "content-range") === `bytes */${from}`) return;
    if (statusCode !== 200 && statusCode !== 206)
      throw new HttpStatus(statusCode, header(headers, "retry-after"));

    const version = header(headers, "etag") ?? header(headers, "last-modified");
    if (from > 0 && version !== transfer.version) throw new OtherFile();
    const start =
      statusCode === 206 ? Number(/^bytes (\d+)-/.exec(header(headers, "content-range") ?? "")?.[1]) : 0;
    if (statusCode === 206 && start !== from) throw new OtherFile();
    const length = header(headers, "content-length");
    transfer.version = version;
    transfer.encoding = header(headers, "content-encoding")?.toLowerCase();
    transfer.total = length === undefined ? undefined : start + Number(length);

    // A server without ranges sends everything again: what is here already is passed over.
    let toSkip = from - start;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      const fresh = chunk.subarray(Math.min(toSkip, chunk.length));
      toSkip -= chunk.length - fresh.length;
      if (fresh.length === 0) continue;
      transfer.received += fresh.length;
      request.onProgress?.({
        received: transfer.received,
        ...(transfer.total === undefined ? {} : { total: transfer.total }),
      });
      yield fresh;
    }
  } finally {
    // A body that was not read to its end fails when it is dropped: that is no news.
    body.on("error", () => undefined).destroy();
  }
}

async function* overHttp(
  request: OpenDownloadRequest,
  acceptEncoding: string,
  transfer: Transfer,
  size: number | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  const idleTimeoutMs = request.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS;
  const attempts = request.attempts ?? DEFAULT_ATTEMPTS;
  const agent = await httpAgent(request.environment, idleTimeoutMs);
  try {
    for (let number = 1; ; number += 1) {
      try {
        yield* attempt(request, agent, acceptEncoding, transfer);
        // HTTP/1.0 servers and some proxies end an answer by closing: then only the known size tells a cut.
        if (size !== undefined && transfer.encoding === undefined && transfer.received < size)
          throw new TooShort();
        return;
      } catch (error) {
        request.signal.throwIfAborted();
        if (number >= attempts || !isPassing(error))
          throw asKapseliError(error, request.url, number, idleTimeoutMs);
        const retryAfter = error instanceof HttpStatus ? error.retryAfter : undefined;
        const delay = retryDelayMs(number, retryAfter, Date.now());
        await (request.wait ?? wait)(delay, request.signal).catch((reason: unknown) => {
          request.signal.throwIfAborted();
          throw reason;
        });
      }
    }
  } finally {
    await agent.destroy();
  }
}

async function* fromFile(request: OpenDownloadRequest): AsyncGenerator<Uint8Array, void, void> {
  try {
    const path = fileURLToPath(request.url);
    const total = (await stat(path)).size;
    let received = 0;
    for await (const chunk of createReadStream(path, {
      signal: request.signal,
    }) as AsyncIterable<Uint8Array>) {
      received += chunk.length;
      request.onProgress?.({ received, total });
      yield chunk;
    }
  } catch (error) {
    request.signal.throwIfAborted();
    throw asKapseliError(error, request.url, 1, 0);
  }
}

/** The bytes of a URL as they come; `transfer` is filled in by the time the first of them is there. */
function rawBytes(
  request: OpenDownloadRequest,
  acceptEncoding: string,
  transfer: Transfer,
  size?: number,
): AsyncGenerator<Uint8Array, void, void> {
  request.signal.throwIfAborted();
  const scheme = URL.canParse(request.url) ? new URL(request.url).protocol : "";
  if (scheme === "file:") return fromFile(request);
  if (scheme === "http:" || scheme === "https:") return overHttp(request, acceptEncoding, transfer, size);
  throw new KapseliError(ExitCode.installFailed, `${redactSecrets(request.url)} cannot be downloaded.`, {
    hint: "Only http://, https:// and file:// URLs can.",
  });
}

/** Codings not in this list come as they are: `.zst` files are sent with `content-encoding: zstd` by some servers. */
const DECODERS = new Map([
  ["gzip", createGunzip],
  ["x-gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
]);

/**
 * The content of a URL as a stream, with `content-encoding` gzip, deflate and br undone. Cut connections, stalls
 * (`idleTimeoutMs`), 408, 429 and 5xx answers are tried again, `attempts` times in all, from where it stopped (a server
 * without ranges sends the whole again and the beginning is passed over). Memory: what is on its way. Leaving
 * the loop early closes the connection.
 * Throws KapseliError (installFailed) with a hint and without credentials; `signal.reason` when aborted. Whether the
 * content is what it should be is for the reader to find out.
 */
export async function* openDownload(request: OpenDownloadRequest): AsyncGenerator<Uint8Array, void, void> {
  const transfer: Transfer = { received: 0 };
  const raw = rawBytes(request, "gzip, deflate, br", transfer);
  try {
    const first = await raw.next();
    const decoder = DECODERS.get(transfer.encoding ?? "")?.();
    if (decoder === undefined) {
      if (!first.done) yield first.value;
      yield* raw;
      return;
    }
    const all = async function* (): AsyncGenerator<Uint8Array, void, void> {
      if (!first.done) yield first.value;
      yield* raw;
    };
    // A failure of the source ends the decoder with the same error.
    const pump = pipeline(Readable.from(all()), decoder).catch(() => undefined);
    try {
      yield* decoder as AsyncIterable<Uint8Array>;
    } catch (error) {
      request.signal.throwIfAborted();
      throw asKapseliError(error, request.url, 1, 0);
    } finally {
      decoder.destroy();
      await pump;
    }
  } finally {
    await raw.return();
  }
}

function checkContent(got: Downloaded, request: DownloadRequest): void {
  const shown = redactSecrets(request.url);
  const expected = request.sha256?.toLowerCase();
  const wrong =
    request.size !== undefined && got.size !== request.size
      ? `it has ${got.size} bytes in place of ${request.size}`
      : expected !== undefined && got.sha256 !== expected
        ? `its sha256 is ${got.sha256} in place of ${expected}`
        : undefined;
  if (wrong === undefined) return;
  throw new KapseliError(ExitCode.installFailed, `What came from ${shown} is not the right file: ${wrong}.`, {
    hint: "A proxy or a mirror may have changed it or may be behind. Try again later, or another mirror.",
  });
}

/**
 * Downloads a URL into a file as it is on the server (no decoding), through a temporary file (0600) beside the
 * destination that is renamed only when size and sha256 are right, and is gone when anything fails or the signal
 * aborts. Retries and throws as `openDownload` does; also KapseliError (installFailed) when the content is not the right
 * one or cannot be written.
 */
export async function download(request: DownloadRequest): Promise<Downloaded> {
  const { destination, signal } = request;
  const bytes = rawBytes(request, "identity", { received: 0 }, request.size);
  const temporary = `${destination}.${randomUUID()}.part`;
  const hash = createHash("sha256");
  let size = 0;
  let file: FileHandle | undefined;
  try {
    file = await open(temporary, "wx", 0o600);
    for await (const chunk of bytes) {
      hash.update(chunk);
      size += chunk.length;
      await file.writeFile(chunk);
    }
    const got = { sha256: hash.digest("hex"), size };
    checkContent(got, request);
    await file.close();
    signal.throwIfAborted();
    await rename(temporary, destination);
    return got;
  } catch (error) {
    await file?.close().catch(() => undefined);
    await rm(temporary, { force: true });
    signal.throwIfAborted();
    if (error instanceof KapseliError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new KapseliError(ExitCode.installFailed, `${destination} cannot be written: ${reason}.`, {
      hint: "Is there space, and may you write there?",
      cause: error,
    });
  }
}
