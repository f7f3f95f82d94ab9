import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFile, chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { dir } from "tmp-promise";
import { describe, expect, it, onTestFinished } from "vitest";
import { ExitCode, KapseliError } from "../../src/errors.ts";
import {
  ensureMicromamba,
  MICROMAMBA_VERSION,
  type MicromambaFound,
  type MicromambaMissing,
  type MicromambaRequest,
} from "../../src/host/micromamba.ts";
import { writeOwner } from "../../src/host/owner-record.ts";
import { ownIdentity } from "../../src/host/proc-stat.ts";
import { sendHalf, sendRange, serve } from "../support/http-server.ts";
import * as packages from "../support/micromamba-packages.ts";

const TAR_BZ2 = `micromamba-${MICROMAMBA_VERSION}-0.tar.bz2`;
const CONDA = `micromamba-${MICROMAMBA_VERSION}-0.conda`;

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

const record = (content: Buffer, more: object = {}) => ({
  build: "0",
  build_number: 0,
  depends: [],
  name: "micromamba",
  sha256: sha256(content),
  size: content.length,
  subdir: "linux-64",
  version: MICROMAMBA_VERSION,
  ...more,
});

const repodata = (section: "packages" | "packages.conda", records: object): Buffer =>
  Buffer.from(
    JSON.stringify({ info: { subdir: "linux-64" }, packages: {}, "packages.conda": {}, [section]: records }),
  );

/** Zstandard's frame for content that is not compressed: RFC 8878, 3.1.1, one raw block. */
function zstdRaw(content: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(content.length);
  const block = Buffer.alloc(3);
  block.writeUIntLE((content.length << 3) | 1, 0, 3);
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0]), size, block, content]);
}

const EMPTY = repodata("packages", {});
const WITH_TAR_BZ2 = repodata("packages", { [TAR_BZ2]: record(packages.TAR_BZ2) });
const WITH_CONDA = repodata("packages.conda", { [CONDA]: record(packages.CONDA) });

/** A channel that serves these files by their paths below its URL; a status in place of a content is answered. */
async function channel(
  files: Readonly<Record<string, Buffer | number>>,
  headers: Record<string, string> = {},
) {
  return await serve((request, response) => {
    const file = files[(request.url ?? "").slice(1)] ?? 404;
    if (typeof file === "number") response.writeHead(file).end("no");
    else sendRange(request, response, file, headers);
  });
}

const plainChannel = () =>
  channel({ "linux-64/repodata.json": WITH_TAR_BZ2, [`linux-64/${TAR_BZ2}`]: packages.TAR_BZ2 });

async function cache(): Promise<string> {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  onTestFinished(() => cleanup());
  return join(path, "cache");
}

const asked = (channels: string[], cacheDirectory: string, more: Partial<MicromambaRequest> = {}) =>
  ensureMicromamba({
    channels,
    cacheDirectory,
    platform: "linux-64",
    environment: {},
    signal: new AbortController().signal,
    retry: { attempts: 2, wait: async () => undefined },
    ...more,
  });

const found = async (...request: Parameters<typeof asked>): Promise<MicromambaFound> => {
  const result = await asked(...request);
  if (result.missing) throw new Error(JSON.stringify(result.tried));
  return result;
};

const missing = async (...request: Parameters<typeof asked>): Promise<MicromambaMissing["tried"]> => {
  const result = await asked(...request);
  if (!result.missing) throw new Error(result.path);
  return result.tried;
};

const entries = async (directory: string): Promise<string[]> =>
  (await readdir(join(directory, "micromamba")).catch(() => [])).sort();

const isRight = async (path: string): Promise<boolean> => (await readFile(path, "utf8")) === packages.PROGRAM;

describe("micromamba from the user's channel", () => {
  it.each([
    [".tar.bz2, repodata.json", TAR_BZ2, packages.TAR_BZ2, { "linux-64/repodata.json": WITH_TAR_BZ2 }],
    [".conda, repodata.json", CONDA, packages.CONDA, { "linux-64/repodata.json": WITH_CONDA }],
    [
      ".conda, repodata.json.zst",
      CONDA,
      packages.CONDA,
      { "linux-64/repodata.json.zst": zstdRaw(WITH_CONDA) },
    ],
    [
      "a .zst that is a page",
      CONDA,
      packages.CONDA,
      {
        "linux-64/repodata.json.zst": Buffer.from("<html>hello, this is a page</html>"),
        "linux-64/repodata.json": WITH_CONDA,
      },
    ],
    [
      "a store that says 403 for what it lacks",
      CONDA,
      packages.CONDA,
      { "linux-64/repodata.json.zst": 403, "linux-64/repodata.json": WITH_CONDA },
    ],
  ] as const)("is a program that runs: %s", async (_what, name, content, files) => {
    const { url } = await channel({ ...files, [`linux-64/${name}`]: content });
    const directory = await cache();
    const seen = new Set<string>();
    const got = await found([url], directory, {
      onProgress: (progress) => seen.add(`${progress.phase} ${progress.url}`),
    });
    const entry = `${MICROMAMBA_VERSION}-${sha256(content).slice(0, 16)}`;
    expect(got).toEqual({
      missing: false,
      path: join(directory, "micromamba", entry, "micromamba"),
      version: MICROMAMBA_VERSION,
      source: `${url}/linux-64/${name}`,
      sha256: sha256(content),
      fromCache: false,
    });
    expect(await isRight(got.path)).toBe(true);
    expect(execFileSync(got.path, { encoding: "utf8" })).toBe("2.8.1\n");
    expect(await entries(directory)).toEqual([entry]);
    expect((await readdir(join(directory, "micromamba", entry))).sort()).toEqual([
      "kapseli.json",
      "micromamba",
    ]);
    for (const path of [
      directory,
      join(directory, "micromamba"),
      join(directory, "micromamba", entry),
      got.path,
    ])
      expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect(seen).toContain(`package ${url}/linux-64/${name}`);
  });

  it("comes by a gzip-encoded repodata.json", async () => {
    const { url } = await serve((request, response) => {
      if (request.url === "/linux-64/repodata.json")
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(WITH_TAR_BZ2));
      else if (request.url === `/linux-64/${TAR_BZ2}`) response.end(packages.TAR_BZ2);
      else response.writeHead(404).end();
    });
    expect((await found([url], await cache())).fromCache).toBe(false);
  });

  it("comes by a channel's name, from a directory, for another platform and version", async () => {
    const root = await cache();
    await mkdir(join(root, "my channel", "linux-aarch64"), { recursive: true });
    const name = "micromamba-2.0.5-1.conda";
    const more = { version: "2.0.5", build_number: 1, subdir: "linux-aarch64" };
    const folder = join(root, "my channel", "linux-aarch64");
    await writeFile(join(folder, name), packages.CONDA);
    await writeFile(
      join(folder, "repodata.json"),
      repodata("packages.conda", { [name]: record(packages.CONDA, more) }),
    );
    const request = {
      platform: "linux-aarch64",
      pinned: "2.0.5",
      environment: { CONDA_CHANNEL_ALIAS: `file://${root}` },
    } as const;
    expect(await found(["my channel"], await cache(), request)).toMatchObject({
      version: "2.0.5",
      source: `file://${root}/my%20channel/linux-aarch64/${name}`,
    });
    expect(
      (await found(["./my channel"], await cache(), { ...request, environment: {}, directory: root }))
        .version,
    ).toBe("2.0.5");
  });

  it("comes from the first channel that has it; others and nodefaults do no harm", async () => {
    const without = await channel({ "linux-64/repodata.json": EMPTY });
    const withIt = await plainChannel();
    const never = await plainChannel();
    const got = await found([without.url, "nodefaults", withIt.url, never.url], await cache());
    expect(got.source).toBe(`${withIt.url}/linux-64/${TAR_BZ2}`);
    expect(never.requests).toEqual([]);
  });

  it("goes on where the connection was cut", async () => {
    const { url } = await serve((request, response, number) => {
      if (request.url === "/linux-64/repodata.json") sendRange(request, response, WITH_TAR_BZ2);
      else if (request.url !== `/linux-64/${TAR_BZ2}`) response.writeHead(404).end();
      else if (number === 3) sendHalf(response, packages.TAR_BZ2);
      else sendRange(request, response, packages.TAR_BZ2);
    });
    expect(await isRight((await found([url], await cache())).path)).toBe(true);
  });

  it("shows and keeps no credentials", async () => {
    const { url, requests } = await plainChannel();
    const directory = await cache();
    const shown: string[] = [];
    const got = await found([url.replace("//", "//me:hunter2@")], directory, {
      onProgress: (one) => shown.push(one.url),
    });
    expect(requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from("me:hunter2").toString("base64")}`);
    const kept = await readFile(join(got.path, "..", "kapseli.json"), "utf8");
    expect(`${kept} ${shown.join(" ")} ${JSON.stringify(got)}`).not.toContain("hunter2");
    expect(
      JSON.stringify(await missing([url.replace("//", "//me:hunter2@")], directory, { pinned: "0.1" })),
    ).not.toContain("hunter2");
  });
});

describe("micromamba in the cache", () => {
  it("is taken without asking anybody", async () => {
    const { url, requests } = await plainChannel();
    const directory = await cache();
    const first = await found([url], directory);
    const before = requests.length;
    expect(await found([url], directory)).toEqual({ ...first, fromCache: true });
    expect(requests).toHaveLength(before);
  });

  it.each([
    ["cut short", (path: string) => writeFile(path, "#!/bin/sh\n")],
    ["changed", (path: string) => appendFile(path, "x")],
    ["not executable", (path: string) => chmod(path, 0o600)],
    ["gone", (path: string) => rm(path)],
    ["without its record", (path: string) => rm(join(path, "..", "kapseli.json"))],
    ["with a broken record", (path: string) => writeFile(join(path, "..", "kapseli.json"), "{}")],
  ])("is replaced when it is %s", async (_what, damage) => {
    const { url } = await plainChannel();
    const directory = await cache();
    const first = await found([url], directory);
    await damage(first.path);
    expect(await found([url], directory)).toEqual(first);
    expect(await isRight(first.path)).toBe(true);
    expect((await stat(first.path)).mode & 0o777).toBe(0o700);
    expect(await entries(directory)).toHaveLength(1);
  });

  it("is not taken for another version or platform", async () => {
    const { url } = await plainChannel();
    const directory = await cache();
    await found([url], directory);
    expect(await missing([url], directory, { pinned: "2.8" })).toMatchObject([{ outcome: "not-there" }]);
    expect(await missing([url], directory, { platform: "linux-aarch64" })).toMatchObject([
      { outcome: "not-there" },
    ]);
  });

  it("is one entry when several builds begin at once", async () => {
    const { url } = await plainChannel();
    const directory = await cache();
    const all = await Promise.all(Array.from({ length: 4 }, () => found([url], directory)));
    expect(new Set(all.map((one) => one.path)).size).toBe(1);
    expect(await isRight(all[0]?.path ?? "")).toBe(true);
    expect(await entries(directory)).toHaveLength(1);
  });

  it("loses what killed builds left, not what another one is making", async () => {
    const { url } = await plainChannel();
    const directory = await cache();
    const own = ownIdentity(hostname());
    const left = { "cw-KILLED": { ...own, boot: "another" }, "cw-ALIVE0": own };
    for (const [name, owner] of Object.entries(left)) {
      await mkdir(join(directory, "micromamba", name), { recursive: true });
      await writeOwner(join(directory, "micromamba", name, "owner"), owner);
    }
    await found([url], directory);
    expect(await entries(directory)).toEqual([expect.stringMatching(/^2/), "cw-ALIVE0"]);
  });
});

describe("without micromamba in a channel", () => {
  it("says what was tried, and why not", async () => {
    const without = await channel({ "linux-64/repodata.json": EMPTY });
    const nothing = await channel({});
    const page = await channel({ "linux-64/repodata.json": Buffer.from("<html>log in</html>") });
    const trouble = await channel({ "linux-64/repodata.json.zst": 503, "linux-64/repodata.json": 503 });
    const gone = await channel({});
    await new Promise((resolve) => gone.server.close(resolve));
    const directory = await cache();
    const channels = [without.url, nothing.url, page.url, trouble.url, gone.url, "defaults", "nodefaults"];
    expect(await missing(channels, directory)).toEqual([
      {
        channel: without.url,
        url: without.url,
        outcome: "not-there",
        reason: `it has no micromamba ${MICROMAMBA_VERSION} for linux-64`,
      },
      {
        channel: nothing.url,
        url: nothing.url,
        outcome: "not-there",
        reason: expect.stringContaining("404"),
      },
      {
        channel: page.url,
        url: page.url,
        outcome: "unreachable",
        reason: expect.stringContaining("repodata"),
      },
      {
        channel: trouble.url,
        url: trouble.url,
        outcome: "unreachable",
        reason: expect.stringContaining("503"),
      },
      {
        channel: gone.url,
        url: gone.url,
        outcome: "unreachable",
        reason: expect.stringContaining("ECONNREFUSED"),
      },
      { channel: "defaults", outcome: "no-url", reason: expect.any(String) },
    ]);
    expect(await entries(directory)).toEqual([]);
  });
});

describe("a micromamba that is not what the channel says", () => {
  const named = (files: Readonly<Record<string, Buffer | number>>) =>
    channel({ "linux-64/repodata.json": WITH_TAR_BZ2, ...files });
  const without = repodata("packages", { [TAR_BZ2]: record(packages.TAR_BZ2_WITHOUT_PROGRAM) });

  it.each([
    [
      "another content",
      { [`linux-64/${TAR_BZ2}`]: Buffer.from(packages.TAR_BZ2).reverse() },
      /not the right file: its sha256/,
    ],
    [
      "half of it",
      { [`linux-64/${TAR_BZ2}`]: packages.TAR_BZ2.subarray(0, 99) },
      /connection was cut|not the right file/,
    ],
    ["nothing", {}, /no such file \(404\)/],
    [
      "a package without the program",
      { "linux-64/repodata.json": without, [`linux-64/${TAR_BZ2}`]: packages.TAR_BZ2_WITHOUT_PROGRAM },
      /no bin\/micromamba/,
    ],
  ])("is an error and leaves nothing: %s", async (_what, files, message) => {
    const { url } = await named(files);
    const directory = await cache();
    const error = await asked([url], directory).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: "KapseliError",
      code: ExitCode.installFailed,
      message: expect.stringMatching(message),
      details: { hint: expect.any(String) },
    });
    expect(await entries(directory)).toEqual([]);
  });

  it("a stop in the middle of it leaves nothing", async () => {
    const { url } = await plainChannel();
    const directory = await cache();
    for (const phase of ["repodata", "package"]) {
      const controller = new AbortController();
      const reason = new KapseliError(ExitCode.interrupted, "Interrupted.");
      const onProgress = (progress: { phase: string }) => {
        if (progress.phase === phase) controller.abort(reason);
      };
      await expect(asked([url], directory, { signal: controller.signal, onProgress })).rejects.toBe(reason);
      expect(await entries(directory)).toEqual([]);
    }
  });

  it("a cache that cannot be made is an error", async () => {
    const directory = await cache();
    await mkdir(join(directory, ".."), { recursive: true });
    await symlink("/dev/null", directory);
    await expect(asked([(await plainChannel()).url], directory)).rejects.toMatchObject({
      code: ExitCode.hostCannot,
      message: expect.stringMatching(/cache .* cannot be used/),
    });
  });
});
