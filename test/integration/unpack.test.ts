import { execFileSync } from "node:child_process";
import {
  chmod,
  link,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unpackImage } from "../../src/build/unpack.ts";
import { KapseliError } from "../../src/errors.ts";
import { findUnsquashfs } from "../../src/host/runtime.ts";
import { packArgv } from "../../src/tools/mksquashfs.ts";
import { recordingContext } from "../support/build-context.ts";
import { executable, scratch } from "../support/programs.ts";

const RUNTIME = { path: "/usr/bin/apptainer", family: "apptainer", version: "1.4.5" } as const;
const UNSQUASHFS = findUnsquashfs(RUNTIME, { PATH: process.env.PATH ?? "" });

/** A packed tree and where it is unpacked. */
async function packed(more: (source: string) => Promise<void> = async () => undefined) {
  const directory = await scratch();
  const source = join(directory, "source");
  await mkdir(join(source, "bin"), { recursive: true });
  await mkdir(join(source, ".kapseli"));
  await writeFile(join(source, ".kapseli", "id"), "");
  await writeFile(join(source, "bin", "tool"), "#!/bin/sh\n");
  await more(source);
  const image = join(directory, "env.sqfs");
  const options = {
    mksquashfs: "mksquashfs",
    compression: "zstd",
    processors: 2,
    owner: userInfo(),
    actions: true,
  } as const;
  const [program, ...args] = packArgv({ ...options, source, image });
  execFileSync(program, args, { stdio: "ignore" });
  const tree = join(directory, "tree");
  const context = recordingContext(directory);
  const unpack = (unsquashfs = UNSQUASHFS, onProgress?: (fraction: number) => void) =>
    unpackImage(context, { unsquashfs, image, tree, processors: 2, ...(onProgress ? { onProgress } : {}) });
  return { directory, image, tree, unpack };
}

describe("unpacking an environment's image", () => {
  it("gives back modes, times, links and hard links, without the mark of a running environment", async () => {
    const when = new Date("2020-02-02T02:02:02Z");
    const { tree, unpack } = await packed(async (source) => {
      await chmod(join(source, "bin", "tool"), 0o755);
      await link(join(source, "bin", "tool"), join(source, "bin", "same"));
      await symlink("tool", join(source, "bin", "link"));
      await writeFile(join(source, "data"), "x");
      await chmod(join(source, "data"), 0o444);
      await utimes(join(source, "data"), when, when);
    });
    await mkdir(tree);
    await unpack();
    expect((await readdir(tree)).sort()).toEqual(["bin", "data"]);
    expect((await stat(join(tree, "bin", "tool"))).mode & 0o777).toBe(0o755);
    expect((await stat(join(tree, "bin", "same"))).ino).toBe((await stat(join(tree, "bin", "tool"))).ino);
    expect(await readlink(join(tree, "bin", "link"))).toBe("tool");
    const data = await stat(join(tree, "data"));
    expect(data.mtime).toEqual(when);
    expect(data.mode & 0o777).toBe(0o444);
  });

  it("says how far it is, up to all of it", async () => {
    const { unpack, tree } = await packed(async (source) => {
      for (let i = 0; i < 350; i += 1) await writeFile(join(source, `f${i}`), String(i));
    });
    const fractions: number[] = [];
    const entries = await unpack(UNSQUASHFS, (fraction) => fractions.push(fraction));
    expect(entries).toBeGreaterThanOrEqual(351);
    expect(fractions.length).toBeGreaterThanOrEqual(3);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(Math.max(...fractions)).toBeLessThanOrEqual(1);
    expect(await readFile(join(tree, "f349"), "utf8")).toBe("349");
  });

  const refusal = async (unpacking: Promise<unknown>): Promise<KapseliError> => {
    const error = await unpacking.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (error instanceof KapseliError) return error;
    throw new Error(`it was not refused: ${String(error)}`);
  };

  it("refuses an image without its end, and a file that is none", async () => {
    const { image, unpack } = await packed();
    await truncate(image, 300);
    const cut = await refusal(unpack());
    expect(cut).toMatchObject({ code: 3, message: `${image} is damaged` });
    expect(cut.details.lines?.join("\n")).toMatch(/EOF|corrupt/);
    await writeFile(image, "hello\n".repeat(100));
    expect(await refusal(unpack())).toMatchObject({ code: 3, message: `${image} is not a SquashFS image` });
  });

  it("refuses to believe an old unsquashfs that ends with 0 when it could not write", async () => {
    const { directory, unpack, image } = await packed();
    const old = await executable(
      join(directory, "unsquashfs"),
      "#!/bin/sh\necho 'write_file: failed to create file x, because No space left on device' >&2\n",
    );
    expect(await refusal(unpack(old))).toMatchObject({
      code: 4,
      message: `there is no space left in ${join(directory, "tree")} to unpack ${image}`,
    });
  });

  it("says that an unsquashfs does not know zstd", async () => {
    const { directory, unpack, image } = await packed();
    const old = await executable(
      join(directory, "unsquashfs"),
      "#!/bin/sh\necho 'Filesystem uses zstd compression, this is unsupported by this version' >&2\nexit 1\n",
    );
    const error = await refusal(unpack(old));
    expect(error.code).toBe(4);
    expect(error.message).toBe(
      `${old} is too old to unpack ${image}: it does not know its compression (zstd)`,
    );
    expect(error.details.hint).toContain("4.4");
  });
});
