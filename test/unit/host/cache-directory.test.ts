import { chmod, chown, lchown, mkdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { prepareCache } from "../../../src/host/cache-directory.ts";
import { scratch } from "../../support/programs.ts";

const uid = process.getuid?.() ?? 0;
const STRANGER = 54321;

describe("the cache directory", () => {
  it("is made for its owner alone, with what is missing above it, and used again", async () => {
    const path = join(await scratch(), "made", "too");
    for (let round = 0; round < 2; round++) await prepareCache(path, uid);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  it("may be shared with a group by its owner", async () => {
    const path = await scratch();
    await chmod(path, 0o2770);
    await expect(prepareCache(path, uid)).resolves.toBeUndefined();
  });

  const refused = (why: string) => ({
    code: 4,
    message: expect.stringContaining(why),
    details: { hint: expect.stringContaining("KAPSELI_CACHE") },
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
    await expect(prepareCache(path, STRANGER)).resolves.toBeUndefined();
  });
});
