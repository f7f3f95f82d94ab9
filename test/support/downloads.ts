import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { dir } from "tmp-promise";
import { expect, onTestFinished } from "vitest";
import { ExitCode } from "../../src/errors.ts";
import { type DownloadRequest, download } from "../../src/host/download.ts";

/** What the tests' servers hold. */
export const CONTENT = Buffer.from(
  Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff),
);
export const SHA256 = createHash("sha256").update(CONTENT).digest("hex");

/** A directory that is there until the test ends. */
export async function directory(): Promise<string> {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  onTestFinished(() => cleanup());
  return path;
}

/** Downloads to a fresh directory; pauses between attempts are recorded, not waited for. */
export async function fetched(url: string, more: Partial<DownloadRequest> = {}) {
  const path = await directory();
  const destination = join(path, "file");
  const waits: number[] = [];
  const outcome = await download({
    url,
    destination,
    sha256: SHA256,
    signal: new AbortController().signal,
    environment: {},
    wait: async (ms) => void waits.push(ms),
    ...more,
  }).catch((error: unknown) => error);
  const files = await readdir(path);
  const content = files.includes("file") ? await readFile(destination) : undefined;
  return { outcome, files, content, waits, destination };
}

/** The result of a download of CONTENT. */
export const RIGHT = { sha256: SHA256, size: CONTENT.length };

/** What an error of a failed download looks like. */
export const failure = (message: RegExp) => ({
  name: "KapseliError",
  code: ExitCode.installFailed,
  message: expect.stringMatching(message),
  details: expect.objectContaining({ hint: expect.any(String) }),
});
