import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dir } from "tmp-promise";
import { describe, expect, it, onTestFinished } from "vitest";
import { extractMember } from "../../src/host/archive.ts";
import * as packages from "../support/micromamba-packages.ts";

async function extracted(name: string, content: Buffer, member = "bin/micromamba", signal?: AbortSignal) {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  onTestFinished(() => cleanup());
  const archive = join(path, name);
  await writeFile(archive, content);
  const destination = join(path, "program");
  const request = {
    archive,
    member,
    destination,
    mode: 0o700,
    signal: signal ?? new AbortController().signal,
  };
  const outcome = await extractMember(request).catch((error: unknown) => error);
  return { outcome, destination, files: (await readdir(path)).filter((file) => file !== name) };
}

describe("a program out of a conda package", () => {
  it.each([
    ["x.tar.bz2", packages.TAR_BZ2],
    ["x.conda", packages.CONDA],
  ])("comes out of %s", async (name, content) => {
    const { outcome, destination, files } = await extracted(name, content);
    expect(outcome).toMatchObject({
      size: packages.PROGRAM.length,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await readFile(destination, "utf8")) === packages.PROGRAM).toBe(true);
    expect((await stat(destination)).mode & 0o777).toBe(0o700);
    expect(files).toEqual(["program"]);
  });

  it.each([
    ["without it", "x.tar.bz2", packages.TAR_BZ2_WITHOUT_PROGRAM, /no bin\/micromamba/],
    ["without it", "x.conda", packages.CONDA_WITHOUT_PROGRAM, /no bin\/micromamba/],
    ["with a link in its place", "x.tar.bz2", packages.TAR_BZ2_WITH_LINK, /no regular file/],
    ["cut short", "x.tar.bz2", packages.TAR_BZ2.subarray(0, -40), /cannot be unpacked/],
    ["cut short", "x.conda", packages.CONDA.subarray(0, -40), /cannot be unpacked/],
    ["that is a page", "x.tar.bz2", Buffer.from("<html></html>"), /cannot be unpacked/],
    ["that is a page", "x.conda", Buffer.from("<html></html>"), /cannot be unpacked/],
    ["damaged in the middle", "x.tar.bz2", damaged(packages.TAR_BZ2), /cannot be unpacked/],
    ["of the other kind", "x.conda", packages.TAR_BZ2, /cannot be unpacked/],
    ["of no kind", "x.zip", packages.CONDA, /no conda package/],
  ])("an archive %s (%s) is an error and leaves nothing", async (_what, name, content, message) => {
    const { outcome, files } = await extracted(name, content);
    expect(outcome).toMatchObject({ name: "KapseliError", code: 5, message: expect.stringMatching(message) });
    expect(files).toEqual([]);
  });

  it("stops when the build is stopped", async () => {
    const reason = new Error("stopped");
    const { outcome, files } = await extracted(
      "x.conda",
      packages.CONDA,
      "bin/micromamba",
      AbortSignal.abort(reason),
    );
    expect(outcome).toBe(reason);
    expect(files).toEqual([]);
  });
});

function damaged(content: Buffer): Buffer {
  const copy = Buffer.from(content);
  copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 0xff;
  return copy;
}
