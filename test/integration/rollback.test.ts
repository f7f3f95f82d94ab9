import {
  chmod,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { listGenerations } from "../../src/build/generations.ts";
import { publish, removeUnfinished } from "../../src/build/publish.ts";
import { rollback } from "../../src/build/rollback.ts";
import { LOCK_NAME } from "../../src/host/lock.ts";
import { writeOwner } from "../../src/host/owner-record.ts";
import { ownIdentity } from "../../src/host/proc-stat.ts";
import { renderLauncher, renderStub } from "../../src/prefix/launcher.ts";
import { launcherData } from "../support/launcher-data.ts";
import { scratch } from "../support/programs.ts";

const DAY_MS = 24 * 60 * 60_000;

/** A prefix whose generations have everything but a real image. `build` makes one as a build does. */
async function prefix(linked = false) {
  const given = join(await scratch(), "p");
  const root = linked ? join(given, "env") : given;
  const stub = join(given, "..", "stub");
  await mkdir(root, { recursive: true });
  if (linked) await writeFile(join(given, "mine.txt"), "mine");
  await writeFile(stub, renderStub(root));
  await chmod(stub, 0o755);
  const directory = (number: number) => join(root, "generations", String(number));
  const make = async (number: number, commands: string[], base = "root") => {
    await mkdir(join(directory(number), "root"), { recursive: true });
    if (base === "base.sif") await writeFile(join(directory(number), base), "");
    await writeFile(join(directory(number), "env.sqfs"), "");
    await writeFile(join(directory(number), "manifest.json"), "{}");
    const baseKind = base === "root" ? "host" : "image";
    const data = launcherData(root, { id: String(number), generation: number, base, baseKind, commands });
    await writeFile(join(directory(number), "launcher.sh"), renderLauncher(data));
  };
  const build = async (number: number, commands: string[], { base = "root", now = new Date() } = {}) => {
    await make(number, commands, base);
    await publish({
      placement: { prefix: given, root, linkedBin: linked, generation: number },
      commands,
      stub,
      names: { image: "img.sqfs", container: "container.sif" },
      image: true,
      base: base === "base.sif" ? "current/base.sif" : undefined,
      now,
      onPublished: () => undefined,
    });
  };
  return {
    given,
    root,
    directory,
    make,
    build,
    back: (to?: number, now = new Date()) => rollback(given, to, now),
    current: () => readlink(join(root, "current")),
    names: async () => (await readdir(join(root, "bin"))).filter((name) => !name.startsWith("_")).sort(),
    generations: async () => (await readdir(join(root, "generations"))).sort(),
  };
}

describe("going back a generation", () => {
  it("makes the one before current, with its names in bin, and forward again by number", async () => {
    const { root, build, back, current, names, generations } = await prefix();
    await build(1, ["a", "b"]);
    await build(2, ["b", "c"]);
    expect(await back()).toEqual({ root, from: 2, to: 1, back: ["a"], gone: ["c"] });
    expect([await current(), await names()]).toEqual(["generations/1", ["a", "b"]]);
    expect(await back(2)).toEqual({ root, from: 1, to: 2, back: ["c"], gone: ["a"] });
    expect([await current(), await names()]).toEqual(["generations/2", ["b", "c"]]);
    expect(await generations()).toEqual(["1", "2"]);
    expect((await readdir(root)).sort()).toEqual(["bin", "current", "generations", "img.sqfs", "share"]);
  });

  it("to the current one changes nothing", async () => {
    const { build, back, current } = await prefix();
    await build(1, ["a"]);
    expect(await back(1)).toMatchObject({ from: 1, to: 1, back: [], gone: [] });
    expect(await current()).toBe("generations/1");
  });

  it("has container.sif exactly when that generation has a base of its own", async () => {
    const { root, build, back } = await prefix();
    await build(1, ["a"], { base: "base.sif" });
    await build(2, ["a"]);
    expect(await readdir(root)).not.toContain("container.sif");
    await back();
    expect(await readlink(join(root, "container.sif"))).toBe("current/base.sif");
    await back(2);
    expect(await readdir(root)).not.toContain("container.sif");
  });

  it("skips generations that are incomplete, and refuses one that is named", async () => {
    const { root, build, back, directory, current } = await prefix();
    for (const number of [1, 2, 3]) await build(number, ["a"]);
    await rm(join(directory(2), "env.sqfs"));
    await expect(back(2)).rejects.toMatchObject({
      code: 3,
      message: `generation 2 of ${root} is incomplete: env.sqfs is missing`,
    });
    expect(await back()).toMatchObject({ from: 3, to: 1 });
    expect(await current()).toBe("generations/1");
  });

  it("keeps what the user put into bin", async () => {
    const { root, build, back, names } = await prefix();
    await build(1, ["a"]);
    await build(2, ["b"]);
    await writeFile(join(root, "bin", "mine"), "#!/bin/sh\n");
    await back();
    expect(await names()).toEqual(["a", "mine"]);
  });

  it("finds the environment in PREFIX/env by PREFIX and by its own path", async () => {
    const { given, root, build, back } = await prefix(true);
    await build(1, ["a"]);
    await build(2, ["a"]);
    expect(await back()).toMatchObject({ root, to: 1 });
    expect(await rollback(root, 2, new Date())).toMatchObject({ root, from: 1, to: 2 });
    expect((await readdir(given)).sort()).toEqual(["bin", "env", "mine.txt"]);
  });
});

describe("a rollback that is refused changes nothing", () => {
  it.each<[string, (p: Awaited<ReturnType<typeof prefix>>) => Promise<unknown>, number | undefined, object]>([
    [
      "no older generation",
      async () => undefined,
      undefined,
      { code: 3, message: expect.stringMatching(/ has no complete generation before 1$/) },
    ],
    [
      "no such number",
      async () => undefined,
      9,
      { code: 3, message: expect.stringMatching(/no generation 9$/) },
    ],
    [
      "held by another build",
      async ({ root }) => {
        const holder = { ...ownIdentity(hostname()), user: "somebody", since: "then" };
        await writeOwner(join(root, LOCK_NAME), holder);
      },
      1,
      { code: 4, message: expect.stringContaining("another build works on") },
    ],
  ])("%s", async (_what, prepare, to, error) => {
    const p = await prefix();
    await p.build(1, ["a"]);
    await prepare(p);
    await expect(p.back(to)).rejects.toMatchObject(error);
    expect([await p.current(), await p.names()]).toEqual(["generations/1", ["a"]]);
  });

  it("not an environment, not there, a file", async () => {
    const directory = await scratch();
    await writeFile(join(directory, "file"), "");
    for (const [name, message] of [
      [".", "is not an environment"],
      ["nothing", "does not exist"],
      ["file", "is not an environment"],
    ] as const) {
      await expect(rollback(join(directory, name), undefined, new Date())).rejects.toMatchObject({
        code: 3,
        message: expect.stringContaining(message),
      });
    }
  });

  it("a prefix that was moved", async () => {
    const { given, build } = await prefix();
    await build(1, ["a"]);
    await build(2, ["a"]);
    await rename(given, `${given}-moved`);
    await expect(rollback(`${given}-moved`, undefined, new Date())).rejects.toMatchObject({
      code: 3,
      message: `generation 1 was built for ${given}, and the environment is now in ${given}-moved`,
    });
    expect(await readlink(join(`${given}-moved`, "current"))).toBe("generations/2");
  });

  it("a link that leads nowhere as current", async () => {
    const { root, build, back } = await prefix();
    await build(1, ["a"]);
    await rm(join(root, "current"));
    await symlink("elsewhere", join(root, "current"));
    await expect(back()).rejects.toMatchObject({
      code: 3,
      message: expect.stringContaining("names no generation"),
    });
  });
});

describe("old generations after a rollback", () => {
  const days = (count: number) => new Date(Date.now() + count * DAY_MS);

  it("the one that was in use until the next build stays for its 14 days, whatever its number", async () => {
    const { build, back, generations, current } = await prefix();
    await build(1, ["a"]);
    await build(2, ["a"]);
    await back();
    await build(3, ["a"], { now: days(20) });
    expect(await current()).toBe("generations/3");
    expect(await generations()).toEqual(["1", "2", "3"]);
    await build(4, ["a"], { now: days(21) });
    expect(await generations()).toEqual(["1", "3", "4"]);
    // 1 was replaced on day 20, and there are two newer ones.
    await build(5, ["a"], { now: days(34.5) });
    expect(await generations()).toEqual(["3", "4", "5"]);
  });

  it("without the note of an earlier version, a generation was replaced when the next one appeared", async () => {
    const { build, directory, generations } = await prefix();
    for (const number of [1, 2, 3]) await build(number, ["a"]);
    for (const number of [1, 2]) await rm(join(directory(number), "replaced"));
    const past = days(-15);
    for (const number of [1, 2, 3]) await utimes(join(directory(number), "manifest.json"), past, past);
    await build(4, ["a"]);
    expect(await generations()).toEqual(["3", "4"]);
    expect((await stat(join(directory(3), "replaced"))).isFile()).toBe(true);
  });

  it("what a killed build began goes, but never the one in use", async () => {
    const { root, build, make, directory, generations } = await prefix();
    await build(1, ["a"]);
    await make(2, ["a"]);
    for (const number of [1, 2]) await rm(join(directory(number), "manifest.json"));
    await removeUnfinished({ root });
    expect(await generations()).toEqual(["1"]);
  });
});

describe("listing generations", () => {
  it("newest first, with the current one and what is missing", async () => {
    const { given, root, build, back, directory } = await prefix();
    await build(1, ["a"]);
    await build(2, ["a"]);
    await back();
    await rm(join(directory(2), "root"), { recursive: true });
    expect(await listGenerations(given)).toMatchObject({
      prefix: given,
      root,
      current: 1,
      generations: [
        { number: 2, current: false, imageSize: 0, missing: ["root"], replaced: expect.any(String) },
        { number: 1, current: true, imageSize: 0, missing: [], replaced: null },
      ],
    });
  });
});
