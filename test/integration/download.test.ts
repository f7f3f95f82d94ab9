import { createHash } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ExitCode, KapseliError } from "../../src/errors.ts";
import { type DownloadRequest, openDownload, statusOf } from "../../src/host/download.ts";
import { CONTENT, directory, failure, fetched, RIGHT } from "../support/downloads.ts";
import { sendHalf, sendRange, serve } from "../support/http-server.ts";

async function streamed(url: string, more: Partial<DownloadRequest> = {}): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  const signal = new AbortController().signal;
  for await (const part of openDownload({
    url,
    signal,
    environment: {},
    wait: async () => undefined,
    ...more,
  }))
    parts.push(part);
  return Buffer.concat(parts);
}

describe("a download", () => {
  it("becomes the file, private, with its size and hash", async () => {
    const { url } = await serve((request, response) => sendRange(request, response, CONTENT));
    const seen: number[] = [];
    const { outcome, files, content, destination } = await fetched(`${url}/x`, {
      size: CONTENT.length,
      onProgress: ({ received, total }) => seen.push(received, total ?? -1),
    });
    expect(outcome).toEqual(RIGHT);
    expect(content?.equals(CONTENT)).toBe(true);
    expect(files).toEqual(["file"]);
    expect((await stat(destination)).mode & 0o777).toBe(0o600);
    expect(seen.slice(-2)).toEqual([CONTENT.length, CONTENT.length]);
  });

  it("goes on where the connection was cut", async () => {
    const { url, requests } = await serve((request, response, number) =>
      number === 1
        ? sendHalf(response, CONTENT, { etag: '"v1"' })
        : sendRange(request, response, CONTENT, { etag: '"v1"' }),
    );
    const { outcome, content, waits } = await fetched(`${url}/x`);
    expect(outcome).toEqual(RIGHT);
    expect(content?.equals(CONTENT)).toBe(true);
    expect(requests[1]?.headers).toMatchObject({ range: "bytes=150000-", "if-range": '"v1"' });
    expect(waits).toEqual([500]);
  });

  it("starts again where the server has no ranges", async () => {
    const { url } = await serve((_request, response, number) => {
      if (number === 1) sendHalf(response, CONTENT);
      else response.end(CONTENT);
    });
    const { outcome, content } = await fetched(`${url}/x`);
    expect(outcome).toEqual(RIGHT);
    expect(content?.equals(CONTENT)).toBe(true);
  });

  it("goes on when a connection without a length ends early and the size is known", async () => {
    const { url } = await serve((request, response, number) => {
      if (number > 1) return sendRange(request, response, CONTENT);
      response.removeHeader("transfer-encoding");
      response.writeHead(200, { connection: "close" });
      response.end(CONTENT.subarray(0, 1000));
    });
    const { outcome, waits } = await fetched(`${url}/x`, { size: CONTENT.length });
    expect(outcome).toEqual(RIGHT);
    expect(waits).toEqual([500]);
  });

  it("goes on after a stall", async () => {
    const { url, requests } = await serve((request, response, number) => {
      if (number > 1) return sendRange(request, response, CONTENT);
      response.writeHead(200, { "content-length": CONTENT.length });
      response.write(CONTENT.subarray(0, 1000));
    });
    const { outcome } = await fetched(`${url}/x`, { idleTimeoutMs: 100 });
    expect(outcome).toEqual(RIGHT);
    expect(requests.length).toBeGreaterThan(1);
  });

  it("follows redirects, and keeps credentials from other servers", async () => {
    const other = await serve((request, response) => sendRange(request, response, CONTENT));
    const { url, requests } = await serve((request, response) => {
      if (request.url === "/a") response.writeHead(302, { location: "/b" }).end();
      else response.writeHead(307, { location: `${other.url}/c` }).end();
    });
    expect((await fetched(url.replace("//", "//me:pw@").concat("/a"))).outcome).toEqual(RIGHT);
    expect(requests.map((request) => request.headers.authorization)).toEqual([
      "Basic bWU6cHc=",
      "Basic bWU6cHc=",
    ]);
    expect(other.requests[0]?.headers.authorization).toBeUndefined();
  });

  it.each([503, 429])("waits as long as a %i answer asks", async (status) => {
    const { url } = await serve((request, response, number) => {
      if (number === 1) response.writeHead(status, { "retry-after": "7" }).end("busy");
      else sendRange(request, response, CONTENT);
    });
    const { outcome, waits } = await fetched(`${url}/x`);
    expect(outcome).toEqual(RIGHT);
    expect(waits).toEqual([7000]);
  });

  it("sends credentials of the URL, decoded", async () => {
    const { url, requests } = await serve((request, response) => sendRange(request, response, CONTENT));
    expect((await fetched(url.replace("//", "//me:p%40ss@"))).outcome).toEqual(RIGHT);
    expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from("me:p@ss").toString("base64")}`);
  });

  it("comes from a file URL too", async () => {
    const path = join(await directory(), "a b");
    await writeFile(path, CONTENT);
    expect((await fetched(pathToFileURL(path).href)).outcome).toEqual(RIGHT);
  });

  it("keeps a compressed file as it is on the server", async () => {
    const packed = gzipSync(CONTENT);
    const { url } = await serve((_request, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end(packed),
    );
    const { outcome, content } = await fetched(`${url}/x.gz`, {
      sha256: createHash("sha256").update(packed).digest("hex"),
    });
    expect(outcome).toMatchObject({ size: packed.length });
    expect(content?.equals(packed)).toBe(true);
  });

  it("replaces a file that is there", async () => {
    const { url } = await serve((request, response) => sendRange(request, response, CONTENT));
    const destination = join(await directory(), "file");
    await writeFile(destination, "old");
    expect((await fetched(url, { destination })).outcome).toEqual(RIGHT);
    expect((await readFile(destination)).equals(CONTENT)).toBe(true);
  });
});

describe("a download that fails says why, and leaves no file", () => {
  const status = (code: number) => (_request: IncomingMessage, response: ServerResponse) =>
    void response.writeHead(code).end("no");

  it.each([
    [
      "a wrong hash",
      (_: IncomingMessage, response: ServerResponse) => void response.end("other"),
      {},
      /not the right file: its sha256/,
      1,
    ],
    [
      "a wrong size",
      (request: IncomingMessage, response: ServerResponse) => sendRange(request, response, CONTENT),
      { size: 5 },
      /not the right file: it has 300000 bytes in place of 5/,
      1,
    ],
    [
      "a connection that is always cut",
      (_: IncomingMessage, response: ServerResponse) => sendHalf(response, CONTENT),
      { attempts: 3 },
      /the connection failed or was cut/,
      3,
    ],
    [
      "a stall",
      (_: IncomingMessage, response: ServerResponse) => void response.write("x"),
      { attempts: 2, idleTimeoutMs: 100 },
      /nothing came for 0.1 s/,
      2,
    ],
    [
      "an answer that never begins",
      () => undefined,
      { attempts: 1, idleTimeoutMs: 100 },
      /nothing came for 0.1 s/,
      1,
    ],
    ["404", status(404), {}, /there is no such file \(404\)/, 1],
    ["401", status(401), {}, /refuses it \(401\)/, 1],
    ["403", status(403), {}, /refuses it \(403\)/, 1],
    ["503 for ever", status(503), { attempts: 3 }, /answered 503, 3 times/, 3],
    [
      "endless redirects",
      (_: IncomingMessage, response: ServerResponse, number: number) =>
        void response.writeHead(302, { location: `/${number}` }).end(),
      {},
      /redirected without end/,
      11,
    ],
  ] as const)("%s", async (_what, answer, more, message, asked) => {
    const { url, requests } = await serve(answer);
    const { outcome, files } = await fetched(`${url}/x`, more);
    expect(outcome).toMatchObject(failure(message));
    expect(files).toEqual([]);
    expect(requests).toHaveLength(asked);
  });

  it("a file that changes while it is read", async () => {
    const { url } = await serve((_request, response, number) => {
      if (number === 1) sendHalf(response, CONTENT, { etag: '"v1"' });
      else response.writeHead(200, { etag: '"v2"' }).end("new content");
    });
    const { outcome, files } = await fetched(`${url}/x`);
    expect(outcome).toMatchObject(failure(/changed on the server/));
    expect(files).toEqual([]);
  });

  it("a server that is not there", async () => {
    const { url, server } = await serve(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    const { outcome, waits } = await fetched(`${url}/x`);
    expect(outcome).toMatchObject(failure(/ECONNREFUSED/));
    expect(waits).toEqual([500, 1000, 2000, 4000]);
  });

  it.each([
    ["a file URL without a file", "file:///nowhere/at/all", /there is no such file/],
    ["another scheme", "ftp://host/x", /cannot be downloaded/],
    ["no URL", "x", /cannot be downloaded/],
  ])("%s", async (_what, url, message) => {
    const { outcome, files } = await fetched(url);
    expect(outcome).toMatchObject(failure(message));
    expect(files).toEqual([]);
  });

  it("a place that cannot be written", async () => {
    const { url } = await serve((request, response) => sendRange(request, response, CONTENT));
    const { outcome } = await fetched(url, { destination: join(await directory(), "none", "file") });
    expect(outcome).toMatchObject(failure(/cannot be written/));
  });

  it("the user's stop, in the middle", async () => {
    const { url } = await serve((_request, response) => {
      response.writeHead(200, { "content-length": CONTENT.length });
      response.write(CONTENT.subarray(0, 1000));
    });
    const controller = new AbortController();
    const reason = new KapseliError(ExitCode.interrupted, "Interrupted.");
    const { outcome, files } = await fetched(`${url}/x`, {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });
    expect(outcome).toBe(reason);
    expect(files).toEqual([]);
  });

  it("the user's stop, between two attempts", async () => {
    const { url } = await serve(status(503));
    const controller = new AbortController();
    const reason = new KapseliError(ExitCode.terminated, "Terminated.");
    const { outcome, files } = await fetched(`${url}/x`, {
      signal: controller.signal,
      wait: async () => controller.abort(reason),
    });
    expect(outcome).toBe(reason);
    expect(files).toEqual([]);
  });

  it("never shows credentials", async () => {
    const { url } = await serve(status(404));
    const secret = url.replace("//", "//me:hunter2@").concat("/t/tk-hunter2/x?token=hunter2");
    const { outcome } = await fetched(secret);
    const error = outcome as KapseliError;
    expect(statusOf(error)).toBe(404);
    expect(`${error.stack} ${JSON.stringify(error.details)} ${String(error.cause)}`).not.toContain("hunter2");
  });
});

describe("a download as a stream", () => {
  it.each([
    ["gzip", gzipSync(CONTENT)],
    ["br", brotliCompressSync(CONTENT)],
  ])("is decoded from %s, also over a cut", async (encoding, packed) => {
    const { url, requests } = await serve((request, response, number) =>
      number === 1
        ? sendHalf(response, packed, { "content-encoding": encoding })
        : sendRange(request, response, packed, { "content-encoding": encoding }),
    );
    expect((await streamed(url)).equals(CONTENT)).toBe(true);
    expect(requests[0]?.headers["accept-encoding"]).toContain(encoding);
  });

  it("comes as it is without an encoding", async () => {
    const { url } = await serve((request, response) => sendRange(request, response, CONTENT));
    expect((await streamed(url)).equals(CONTENT)).toBe(true);
  });

  it("says that its compression is broken", async () => {
    const { url } = await serve((_request, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end("no gzip at all"),
    );
    await expect(streamed(url)).rejects.toMatchObject(failure(/compression is broken/));
  });

  it("fails as a download does when its source does", async () => {
    const { url } = await serve((_request, response) =>
      sendHalf(response, gzipSync(CONTENT), { "content-encoding": "gzip" }),
    );
    await expect(streamed(url, { attempts: 1 })).rejects.toMatchObject(
      failure(/connection failed or was cut/),
    );
  });

  it("closes its connection when the reader leaves", async () => {
    let closed: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const { url } = await serve((_request, response) => {
      response.on("close", () => closed?.());
      response.writeHead(200).write(CONTENT);
    });
    for await (const part of openDownload({ url, signal: new AbortController().signal, environment: {} })) {
      expect(part.length).toBeGreaterThan(0);
      break;
    }
    await gone;
  });
});
