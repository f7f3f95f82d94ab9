import { chmod, chown, lchown, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { closeIndexes, prepareCache } from "../../../src/host/cache-directory.ts";
import { asOrdinaryUser } from "../../support/ordinary-user.ts";
import { scratch } from "../../support/programs.ts";

const uid = process.getuid?.() ?? 0;
const STRANGER = 54321;

describe("the cache directory", () => {
  const refused = (why: string) => ({
    code: 4,
    message: expect.stringContaining(why),
    details: { hint: expect.stringContaining("KAPSELI_CACHE") },
  });

  it("is made for its owner alone, with what is missing above it, and used again", async () => {
    const path = join(await scratch(), "made", "too");
    expect(await prepareCache(path, uid)).toEqual([dirname(path), path]);
    expect(await prepareCache(path, uid)).toEqual([]);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  it.each<[string, (base: string) => Promise<unknown>, string, string]>([
    [
      "a link that leads nowhere",
      (base) => symlink("gone", join(base, "x")),
      "x",
      "a link to gone, which is",
    ],
    ["below such a link", (base) => symlink("gone", join(base, "x")), "x/cache", "cannot be used: ENOENT"],
    ["a link to itself", (base) => symlink("x", join(base, "x")), "x", "a link to x, which is not there"],
    ["a file", (base) => writeFile(join(base, "x"), ""), "x", "it is no directory"],
    ["below a file", (base) => writeFile(join(base, "x"), ""), "x/a/cache", "cannot be used: ENOTDIR"],
    [
      "where nobody may look",
      (base) => mkdir(join(base, "x"), { mode: 0 }),
      "x/cache",
      "cannot be used: EACCES",
    ],
    ["where only reading is", (base) => mkdir(join(base, "x"), { mode: 0o555 }), "x/cache", "used: EACCES"],
  ])("that is %s cannot be made, and it is said why", async (_what, make, path, why) => {
    const base = await scratch();
    await make(base);
    await asOrdinaryUser(base, async () => {
      const user = process.geteuid?.() ?? uid;
      await expect(prepareCache(join(base, path), user)).rejects.toMatchObject(refused(why));
    });
  });

  it("may be shared with a group by its owner", async () => {
    const path = await scratch();
    await chmod(path, 0o2770);
    expect(await prepareCache(path, uid)).toEqual([]);
  });

  it.each([0o777, 0o1777, 0o703])(
    "with the mode %o, in which everybody may put programs, is not used",
    async (mode) => {
      const path = await scratch();
      await chmod(path, mode);
      await expect(prepareCache(path, uid)).rejects.toMatchObject(refused("everybody may write to it"));
    },
  );

  // What is root's may be used by everybody.
  it.runIf(uid !== 0)("of another user is not used", async () => {
    const path = await scratch();
    await expect(prepareCache(path, uid + 1)).rejects.toMatchObject(
      refused(`belongs to another user (${uid})`),
    );
  });

  // Only root can make what another user would have planted.
  it.runIf(uid === 0)("planted by another user, or led to by his link, is not used", async () => {
    const base = await scratch();
    await mkdir(join(base, "theirs"));
    await chown(join(base, "theirs"), STRANGER, STRANGER);
    await mkdir(join(base, "mine"));
    await symlink("mine", join(base, "link"));
    await lchown(join(base, "link"), STRANGER, STRANGER);
    for (const name of ["theirs", "link"]) {
      await expect(prepareCache(join(base, name), uid)).rejects.toMatchObject(refused(`(${STRANGER})`));
    }
  });

  it.runIf(uid === 0)("of root's may be shared by a site", async () => {
    const path = await scratch();
    await chmod(path, 0o755);
    expect(await prepareCache(path, STRANGER)).toEqual([]);
  });
});

describe("the channel indexes in the cache", () => {
  const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

  it.each<[string, number, number | undefined, number]>([
    ["made for their owner alone, in a cache that others may read", 0o755, undefined, 0o700],
    ["closed where they were open", 0o755, 0o755, 0o700],
    ["closed to all but the group that shares the cache", 0o775, 0o2775, 0o770],
    ["made for that group, too", 0o770, undefined, 0o750],
    ["left as they are where nobody else may look", 0o700, 0o700, 0o700],
  ])("are %s", async (_what, cacheMode, mode, wanted) => {
    const cache = await scratch();
    await chmod(cache, cacheMode);
    const indexes = join(cache, "rattler", "repodata");
    if (mode !== undefined) {
      await mkdir(indexes, { recursive: true });
      await writeFile(join(indexes, "a.info.json"), "{}");
      await chmod(indexes, mode);
    }
    const umask = process.umask(0o022);
    try {
      await closeIndexes(cache, indexes, uid);
    } finally {
      process.umask(umask);
    }
    expect(await modeOf(indexes)).toBe(wanted);
  });

  it("of another user are left to him", async () => {
    const cache = await scratch();
    const indexes = join(cache, "rattler", "repodata");
    await mkdir(indexes, { recursive: true });
    await chmod(indexes, 0o755);
    await closeIndexes(cache, indexes, uid + 1);
    expect(await modeOf(indexes)).toBe(0o755);
  });
});
