import { describe, expect, it } from "vitest";
import { findPackage, type PackageWanted } from "../../src/tools/repodata.ts";
import { zstdDecoded } from "../../src/tools/zstd.ts";

const WANTED: PackageWanted = { name: "micromamba", version: "2.8.1", subdir: "linux-64" };
const SHA = "ab".repeat(32);

const record = (build: number, more: Record<string, unknown> = {}) => ({
  name: "micromamba",
  version: "2.8.1",
  build: String(build),
  build_number: build,
  depends: ["__glibc >=2.17,<3.0.a0"],
  sha256: SHA,
  size: 1000 + build,
  subdir: "linux-64",
  ...more,
});

const repodata = (packages: object, conda: object = {}, more: object = {}) => ({
  info: { subdir: "linux-64" },
  packages,
  "packages.conda": conda,
  removed: ["micromamba-2.8.1-9.tar.bz2"],
  repodata_version: 1,
  ...more,
});

async function* chunks(text: string | Buffer, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const find = (value: unknown, indent = 0) => findPackage(chunks(JSON.stringify(value, null, indent)), WANTED);

const T0 = "micromamba-2.8.1-0.tar.bz2";
const C0 = "micromamba-2.8.1-0.conda";

describe("the record of one version of a package", () => {
  const others = {
    "micromamba-2.8.0-0.tar.bz2": record(0, { version: "2.8.0" }),
    "micromamba-2.8.10-0.tar.bz2": record(7, { version: "2.8.10" }),
    "my-micromamba-2.8.1-0.tar.bz2": record(7, { name: "my-micromamba" }),
  };

  it("is found with its hash, size and build number", async () => {
    expect(await find(repodata({ ...others, [T0]: record(0) }))).toEqual({
      fileName: T0,
      sha256: SHA,
      size: 1000,
      buildNumber: 0,
      subdir: "linux-64",
    });
  });

  it.each([
    [
      "the highest build number",
      repodata({
        [T0]: record(0),
        "micromamba-2.8.1-10.tar.bz2": record(10),
        "micromamba-2.8.1-2.tar.bz2": record(2),
      }),
      "micromamba-2.8.1-10.tar.bz2",
    ],
    [".conda of the same build", repodata({ [T0]: record(0) }, { [C0]: record(0) }), C0],
    [
      ".conda of the same build, listed first",
      { "packages.conda": { [C0]: record(0) }, packages: { [T0]: record(0) } },
      C0,
    ],
    [
      ".tar.bz2 of a higher build",
      repodata({ "micromamba-2.8.1-1.tar.bz2": record(1) }, { [C0]: record(0) }),
      "micromamba-2.8.1-1.tar.bz2",
    ],
    [
      "a build string with a hash",
      repodata({ "micromamba-2.8.1-h12ab_3.tar.bz2": record(3) }),
      "micromamba-2.8.1-h12ab_3.tar.bz2",
    ],
    [
      "braces and quotes in strings",
      repodata({
        [T0]: record(0, { license: '}"{ \\" "micromamba-2.8.1-8.conda": {', nested: { a: { "}": "{" } } }),
      }),
      T0,
    ],
    [
      "a value that looks like a key",
      repodata({
        x: { fn: "micromamba-2.8.1-8.conda", note: '"micromamba-2.8.1-8.conda": {}' },
        [T0]: record(0),
      }),
      T0,
    ],
    [
      "a key that only ends like it",
      repodata({ 'x "micromamba-2.8.1-8.conda': record(8), [T0]: record(0) }),
      T0,
    ],
    [
      "signatures besides",
      repodata(
        { [T0]: record(0) },
        {},
        { signatures: { "micromamba-2.8.1-8.conda": { key: { signature: "x" } } } },
      ),
      T0,
    ],
    ["no size", repodata({ [T0]: record(0, { size: undefined }) }), T0],
    ["no subdir", repodata({ [T0]: record(0, { subdir: undefined }) }), T0],
  ])("%s", async (_what, value, fileName) => {
    expect((await find(value))?.fileName).toBe(fileName);
    expect((await find(value, 2))?.fileName).toBe(fileName);
  });

  it.each([
    ["another version only", repodata(others)],
    ["a name in `removed` only", repodata({})],
    ["no sha256", repodata({ [T0]: record(0, { sha256: undefined }) })],
    ["a sha256 that is none", repodata({ [T0]: record(0, { sha256: "abc" }) })],
    ["another package under that name", repodata({ [T0]: record(0, { name: "evil" }) })],
    ["another platform", repodata({ [T0]: record(0, { subdir: "osx-64" }) })],
    ["a name with a path in it", repodata({ "micromamba-2.8.1-/../../x.conda": record(0) })],
    ["another kind of file", repodata({ "micromamba-2.8.1-0.whl": record(0) })],
    ["a record above 1 MiB", repodata({ [T0]: record(0, { description: "x".repeat(2_000_000) }) })],
  ])("none: %s", async (_what, value) => {
    expect(await findPackage(chunks(JSON.stringify(value), 65_536), WANTED)).toBeUndefined();
  });

  it("is found however the text is cut", async () => {
    const text = JSON.stringify(
      repodata(
        {
          "micromamba-2.8.0-0.conda": record(5),
          'x "micromamba-2.8.1-8.conda': record(8),
          [T0]: record(0, { note: '\\"}{' }),
        },
        { [C0]: record(0) },
      ),
      null,
      1,
    );
    for (let cut = 0; cut <= text.length; cut += 1) {
      const parts = (async function* () {
        yield Buffer.from(text.slice(0, cut));
        yield Buffer.from(text.slice(cut));
      })();
      expect((await findPackage(parts, WANTED))?.fileName).toBe(C0);
    }
    for (const size of [1, 2, 3, 11, 64])
      expect((await findPackage(chunks(text, size), WANTED))?.fileName).toBe(C0);
  });

  it("is found behind a record that never ends within bounds", async () => {
    const text = `{"packages":{"micromamba-2.8.1-3.conda":{"x":"${"y".repeat(1_200_000)}"},"${T0}":${JSON.stringify(record(0))}}}`;
    expect((await findPackage(chunks(text, 65_536), WANTED))?.fileName).toBe(T0);
  });

  it.each([
    ["a login page", "<html>micromamba</html>", /does not begin/],
    ["nothing", "", /empty/],
    ["white space", " \n", /empty/],
    ["a cut text", '{"packages": {"a": 1', /end is missing/],
  ])("says so when the answer is %s", async (_what, text, message) => {
    await expect(findPackage(chunks(text), WANTED)).rejects.toThrow(message);
  });
});

describe("Zstandard streams", () => {
  // `printf %s '{"a": 1}' | zstd -19 | base64`, of a pipe: no content size in the header.
  const FRAME = Buffer.from("KLUv/QRoQQAAeyJhIjogMX19kZ15", "base64");
  const decoded = async (bytes: Buffer, size: number) => {
    const parts: Uint8Array[] = [];
    for await (const part of zstdDecoded(chunks(bytes, size))) parts.push(part);
    return Buffer.concat(parts).toString();
  };

  it("are decoded however they are cut, and frame after frame", async () => {
    for (let size = 1; size <= FRAME.length; size += 1) {
      expect(await decoded(FRAME, size)).toBe('{"a": 1}');
      expect(await decoded(Buffer.concat([FRAME, FRAME]), size)).toBe('{"a": 1}{"a": 1}');
    }
  });

  it("are refused when they end early or are something else", async () => {
    for (let length = 1; length < FRAME.length - 4; length += 1)
      await expect(decoded(FRAME.subarray(0, length), 3)).rejects.toThrow();
    await expect(decoded(Buffer.from("<html>this is a page, not data</html>"), 64)).rejects.toThrow();
  });
});
