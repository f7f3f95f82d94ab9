import { describe, expect, it } from "vitest";
import { orNoRoom } from "../../../src/build/no-room.ts";
import { KapseliError, NAMELESS_QUOTA } from "../../../src/errors.ts";

const failed = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: write`), { code, ...(path ? { path } : {}) });

describe("an error of a file system that is full", () => {
  it.each([
    ["ENOSPC", "publish", 7, "there is no space or no inode left: /p/x could not be written"],
    ["EDQUOT", "pack", 6, "the quota is used up: /p/x could not be written"],
    [NAMELESS_QUOTA, "check", 7, "the quota is used up: /p/x could not be written"],
    ["ENOSPC", "install", 5, "there is no space or no inode left: /p/x could not be written"],
    ["ENOSPC", "preflight", 4, "there is no space or no inode left: /p/x could not be written"],
  ] as const)(
    "%s at the step %s ends with %d and says what is full",
    async (code, step, exitCode, message) => {
      const said = (await orNoRoom(failed(code, "/p/x"), step, ["/work", "/p"])) as KapseliError;
      expect(said).toBeInstanceOf(KapseliError);
      expect(said).toMatchObject({ code: exitCode, message });
      expect(said.details.hint).toContain("/work or /p");
    },
  );

  it("without a path is said without one; any other error stays as it is", async () => {
    expect(((await orNoRoom(failed("ENOSPC"), "check", ["/p"])) as Error).message).toBe(
      "there is no space or no inode left",
    );
    const other = failed("EIO");
    expect(await orNoRoom(other, "check", [])).toBe(other);
    // A parent that is gone; that there is no room is never said like this (makeDirectories).
    const missing = Object.assign(failed("ENOENT", "/p/x"), { syscall: "mkdir" });
    expect(await orNoRoom(missing, "check", ["/"])).toBe(missing);
  });

  it("is called by its name wherever the system's words are shown", () => {
    const words = `${NAMELESS_QUOTA}: ${NAMELESS_QUOTA}, open '/p/x'`;
    expect(new KapseliError(7, `it failed: ${words}`).message).toBe(
      "it failed: EDQUOT: the disk quota is used up, open '/p/x'",
    );
  });
});
