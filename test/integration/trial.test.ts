import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeSkeleton } from "../../src/build/base.ts";
import type { BuildContext } from "../../src/build/context.ts";
import { knownTrial } from "../../src/build/known-trial.ts";
import { mountWays } from "../../src/build/preflight.ts";
import { type Trial, tryRuntime } from "../../src/build/trial.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { hostFacts } from "../../src/host/facts.ts";
import { findRuntime } from "../../src/host/runtime.ts";
import { Undo } from "../../src/host/undo.ts";
import { boundTopLevel, hiddenTopLevel, skeletonLinks } from "../../src/plan/visibility.ts";
import { containersOf, type StubHost, stubHost } from "../support/stub-host.ts";

const signal = new AbortController().signal;

function contextOf(host: StubHost): BuildContext {
  const facts = hostFacts(host.env, host.directory);
  const { config } = resolveConfig({
    environment: host.env,
    home: host.home,
    cwd: host.directory,
    flags: {},
  });
  const log = { path: "", write: () => undefined, close: async () => undefined };
  return { config, facts, log, report: () => undefined, signal };
}

/** What the preflight tries, `more` being other than usual. */
async function trialOn(host: StubHost, squashfuse: boolean, more: Partial<Trial> = {}): Promise<Trial> {
  const context = contextOf(host);
  const runtime = await findRuntime("", host.env, signal);
  const [base, directory] = ["root", "trial"].map((name) => join(host.directory, name)) as [string, string];
  for (const path of [base, directory]) await rm(path, { recursive: true, force: true });
  await makeSkeleton(context, base);
  await mkdir(directory);
  await mkdir(host.prefix, { recursive: true });
  const hidden = hiddenTopLevel({ kind: "host", occupiedTopLevel: [] }, []);
  const { topLevel } = context.facts;
  return {
    runtime,
    baseKind: "host",
    base,
    binds: boundTopLevel(topLevel, hidden, skeletonLinks(topLevel, hidden)).plain,
    root: host.prefix,
    ways: mountWays(
      runtime,
      "/var/lib/singularity/mnt/session",
      squashfuse ? join(host.bin, "squashfuse_ll") : undefined,
    ),
    bindsOver: false,
    level: "default",
    mksquashfs: join(host.bin, "mksquashfs"),
    directory,
    environment: host.env,
    ...more,
  };
}

/** The trial as the preflight makes it. */
async function tried(mode: string, stubs: Record<string, string> = {}, squashfuse = true, bindsOver = false) {
  const host = await stubHost({ mode, stubs });
  const trial = await trialOn(host, squashfuse, { bindsOver });
  const found = await tryRuntime(contextOf(host), trial).catch((error: unknown) => error);
  return { found, starts: containersOf(host).length };
}

describe("what a trial decides", () => {
  // The runtimes of singularity-ce.md.
  it.each([
    ["apptainer-1.4", { way: { way: "image" }, compression: "zstd", skeleton: "directory" }],
    ["apptainer-root", { way: { way: "image" }, compression: "zstd", skeleton: "directory" }],
    ["ce-4.4-setuid", { way: { way: "image" }, compression: "lz4", skeleton: "directory" }],
    ["ce-4.4-no-directory", { way: { way: "image" }, compression: "lz4", skeleton: "image" }],
    ["ce-3.11-setuid", { way: { way: "session" }, compression: "lz4", skeleton: "directory" }],
    ["ce-userns", { way: { way: "fusemount" }, compression: "zstd", skeleton: "directory" }],
    ["no-fusemount", { way: { way: "image" }, compression: "lz4", skeleton: "directory" }],
  ])("%s: %j", async (mode, decided) => {
    const { found } = await tried(mode);
    expect(found).toMatchObject(decided);
    expect((found as { flags: string[] }).flags.includes("--userns")).toBe(mode === "apptainer-root");
    expect((found as { flags: string[] }).flags).toEqual(
      expect.arrayContaining(["--no-eval", "cwd,home,tmp"]),
    );
  });

  it.each([
    ["apptainer-1.4", true],
    // Only where all is as usual.
    ["ce-4.4-setuid", false],
    ["ce-3.11-setuid", false],
    ["ce-userns", false],
  ])("%s: whether a file can be bound over one of an image: %s", async (mode, bindsOverImage) => {
    expect((await tried(mode, {}, true, true)).found).toMatchObject({ bindsOverImage });
    expect((await tried(mode)).found).toMatchObject({ bindsOverImage: false });
  });

  it("takes one start where all is as usual", async () => {
    expect((await tried("apptainer-1.4")).starts).toBe(1);
  });

  it.each([["lz4 where mksquashfs has no zstd", "no-zstd", "lz4"]])(
    "is %s",
    async (_what, STUB_MKSQUASHFS, compression) => {
      expect((await tried("apptainer-1.4", { STUB_MKSQUASHFS })).found).toMatchObject({ compression });
    },
  );
});

describe("a runtime with which nothing works", () => {
  it.each([
    [
      "broken",
      {},
      true,
      "apptainer does not work here: the runtime cannot start containers for this user",
      "namespaces",
    ],
    ["no-fuse", {}, true, "an image cannot be mounted with", "/dev/fuse must exist"],
    ["ce-userns", {}, false, "no loop device is free to mount the image", "squashfuse_ll"],
    [
      "apptainer-1.4",
      { STUB_MKSQUASHFS: "none" },
      true,
      "could not make an image in any of zstd, lz4 and gzip",
      "squashfs-tools",
    ],
  ] as const)("%s %j is explained", async (mode, stubs, squashfuse, message, hint) => {
    const { found } = await tried(mode, stubs, squashfuse);
    expect(found).toMatchObject({
      code: 4,
      message: expect.stringContaining(message),
      details: { hint: expect.stringContaining(hint) },
    });
  });
});

describe("a trial that was made before", () => {
  /** How many containers it starts now. */
  async function starts(host: StubHost, more: Partial<Trial> = {}, undo = new Undo()): Promise<number> {
    const before = containersOf(host).length;
    const found = await knownTrial(contextOf(host), await trialOn(host, true, more), undo);
    expect(found).toMatchObject({ way: { way: "image" }, skeleton: "directory" });
    return containersOf(host).length - before;
  }

  it("is not made again, until a build fails", async () => {
    const host = await stubHost();
    const failing = new Undo();
    expect(await starts(host)).toBe(1);
    expect(await starts(host, {}, failing)).toBe(0);
    await failing.run();
    expect(await starts(host)).toBe(1);
    expect(await starts(host)).toBe(0);
  });

  it("finds the same as when it was made", async () => {
    const host = await stubHost({ stubs: { STUB_MKSQUASHFS: "no-actions" } });
    const found = [];
    for (let round = 0; round < 2; round++) {
      found.push(await knownTrial(contextOf(host), await trialOn(host, true), new Undo()));
    }
    expect(found[0]).toMatchObject({ mksquashfsActions: false });
    expect(found[1]).toEqual(found[0]);
  });

  it.each<[string, (host: StubHost) => Promise<Partial<Trial>>]>([
    ["mksquashfs", async (host) => appendFile(join(host.bin, "mksquashfs"), "\n").then(() => ({}))],
    ["the runtime", async (host) => appendFile(join(host.bin, "apptainer"), "\n").then(() => ({}))],
    [
      "a variable of the runtime's",
      async (host) => ({ environment: { ...host.env, APPTAINER_TMPDIR: host.directory } }),
    ],
    ["the directory of the prefix", async (host) => ({ root: join(host.directory, "more", "prefix") })],
    ["what is bound", async () => ({ binds: ["/usr"] })],
    ["the level", async () => ({ level: "small" })],
  ])("is made again with another state of %s", async (_what, change) => {
    const host = await stubHost();
    expect(await starts(host)).toBe(1);
    expect(await starts(host, await change(host))).toBe(1);
  });

  it("is made each time where it is not the usual that is found, or nothing can be written down", async () => {
    const unusual = await stubHost({ mode: "no-fusemount" });
    const closed = await stubHost();
    await mkdir(closed.env.KAPSELI_CACHE ?? "", { recursive: true });
    await writeFile(join(closed.env.KAPSELI_CACHE ?? "", "trials"), "");
    for (let round = 0; round < 2; round++) {
      expect(await starts(unusual)).toBeGreaterThan(0);
      expect(await starts(closed)).toBe(1);
    }
  });
});
