import { describe, expect, it } from "vitest";
import { orNoRoom } from "../../../src/build/no-room.ts";
import { KapseliError, NAMELESS_QUOTA } from "../../../src/errors.ts";

/** A system error as Node makes it. */
const systemError = (code: string): Error =>
  Object.assign(new Error(`${code}: ${code}, open '/prefix/file'`), { code, path: "/prefix/file" });

describe("what a full file system refuses to a build's own step", () => {
  it.each([
    ["ENOSPC", "pack", 6, "there is no space or no inode left: /prefix/file could not be written"],
    ["EDQUOT", "check", 7, "the quota is used up: /prefix/file could not be written"],
    [NAMELESS_QUOTA, "preflight", 4, "the quota is used up: /prefix/file could not be written"],
  ] as const)("%s at %s ends with %d", async (code, step, exitCode, message) => {
    expect(await orNoRoom(systemError(code), step, ["/prefix", "/work"])).toMatchObject({
      code: exitCode,
      message,
      details: { hint: expect.stringContaining("/prefix or /work") },
    });
  });

  it("leaves any other error as it is", async () => {
    const error = systemError("ENOENT");
    expect(await orNoRoom(error, "pack", [])).toBe(error);
  });

  it("is called by its name wherever the system's words are shown", () => {
    const { message } = systemError(NAMELESS_QUOTA);
    expect(new KapseliError(7, `it failed: ${message}`).message).toBe(
      "it failed: EDQUOT: the disk quota is used up, open '/prefix/file'",
    );
  });
});
