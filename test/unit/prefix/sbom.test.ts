import { describe, expect, it } from "vitest";
import { documentTime } from "../../../src/cli/sbom-command.ts";
import { lockedPackages } from "../../../src/prefix/environment-lock.ts";
import { packageUrl, sbomText } from "../../../src/prefix/sbom.ts";
import { manifestFor } from "../../support/manifest.ts";

const SHA256 = "ab".repeat(32);
const LOCK = `# platform: linux-64
@EXPLICIT
https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311_0.conda#0123456789abcdef0123456789abcdef
file:///srv/channel/noarch/a-b-2.0-0.tar.bz2#sha256:${SHA256}
# pip
Some.Package==3.1 --hash=sha256:${SHA256}
direct @ https://host/direct-1.whl
checked @ https://host/checked-1.whl --hash=sha256:${SHA256}
tool @ git+https://host/tool.git@0123
`;

describe("an environment.lock", () => {
  it("is read with what each line says, and nothing else", () => {
    expect(lockedPackages(`${LOCK}what is this\n`)).toEqual([
      {
        source: "conda",
        name: "numpy",
        version: "1.26.4",
        build: "py311_0",
        subdir: "linux-64",
        channel: "https://conda.anaconda.org/conda-forge",
        url: "https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311_0.conda",
        hash: { algorithm: "md5", value: "0123456789abcdef0123456789abcdef" },
      },
      expect.objectContaining({
        name: "a-b",
        version: "2.0",
        subdir: "noarch",
        hash: { algorithm: "sha256", value: SHA256 },
      }),
      { source: "pip", name: "Some.Package", version: "3.1", hash: { algorithm: "sha256", value: SHA256 } },
      { source: "pip", name: "direct", url: "https://host/direct-1.whl" },
      {
        source: "pip",
        name: "checked",
        url: "https://host/checked-1.whl",
        hash: { algorithm: "sha256", value: SHA256 },
      },
      { source: "pip", name: "tool", url: "git+https://host/tool.git@0123" },
    ]);
  });
});

describe("a package's URL", () => {
  const [numpy, local, , direct, , tool] = lockedPackages(LOCK);
  it.each([
    [
      "conda",
      "numpy",
      "1.26.4",
      numpy,
      "pkg:conda/numpy@1.26.4?build=py311_0&channel=conda-forge&subdir=linux-64&type=conda",
    ],
    [
      "conda",
      "a-b",
      "2.0",
      local,
      "pkg:conda/a-b@2.0?build=0&channel=file:%2F%2F%2Fsrv%2Fchannel&subdir=noarch&type=tar.bz2",
    ],
    ["pip", "Some.Package", "3.1+cu12", undefined, "pkg:pypi/some-package@3.1%2Bcu12"],
    ["pip", "direct", "1", direct, "pkg:pypi/direct@1?download_url=https:%2F%2Fhost%2Fdirect-1.whl"],
    ["pip", "tool", "1", tool, "pkg:pypi/tool@1?vcs_url=git%2Bhttps:%2F%2Fhost%2Ftool.git%400123"],
    ["pip", "$(id)&x=y", "1 2", undefined, "pkg:pypi/%24(id)%26x%3Dy@1%202"],
  ] as const)("of %s's %s %s", (source, name, version, locked, expected) => {
    expect(packageUrl({ source, name, version }, locked)).toBe(expected);
  });
});

describe("a bill of materials", () => {
  const manifest = manifestFor("/p", {
    id: "4e807803-ace8-4595-836b-264bc40f430d",
    packages: [
      { name: "numpy", version: "1.26.4", source: "conda" },
      { name: "some_package", version: "3.1", source: "pip" },
      { name: "unlocked", version: "0", source: "pip" },
    ],
  });
  const text = sbomText(manifest, LOCK, "env", new Date(0));

  it("has every package with its version, address and hash", () => {
    const bom = JSON.parse(text);
    expect(bom).toMatchObject({
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      serialNumber: "urn:uuid:4e807803-ace8-4595-836b-264bc40f430d",
      metadata: { timestamp: "1970-01-01T00:00:00.000Z", component: { name: "env", version: "2" } },
    });
    expect(bom.metadata.tools.components).toEqual([
      expect.objectContaining({ name: "kapseli", version: "0.1.0" }),
    ]);
    expect(bom.components).toEqual([
      {
        type: "library",
        name: "numpy",
        version: "1.26.4",
        "bom-ref": expect.stringContaining("pkg:conda/numpy"),
        purl: expect.stringContaining("pkg:conda/numpy@1.26.4?build=py311_0"),
        hashes: [{ alg: "MD5", content: "0123456789abcdef0123456789abcdef" }],
        externalReferences: [
          { type: "distribution", url: expect.stringContaining("numpy-1.26.4-py311_0.conda") },
        ],
      },
      expect.objectContaining({
        purl: "pkg:pypi/some-package@3.1",
        hashes: [{ alg: "SHA-256", content: SHA256 }],
      }),
      expect.objectContaining({ purl: "pkg:pypi/unlocked@0" }),
    ]);
  });

  it("is the same each time, but for the time", () => {
    expect(sbomText(manifest, LOCK, "env", new Date(0))).toBe(text);
    const later = sbomText(manifest, LOCK, "env", new Date(86_400_000));
    expect(later).not.toBe(text);
    expect(later.replace("1970-01-02T", "1970-01-01T")).toBe(text);
  });

  it("is said to be of SOURCE_DATE_EPOCH where that is set", () => {
    const now = new Date();
    expect(documentTime({}, now)).toBe(now);
    expect(documentTime({ SOURCE_DATE_EPOCH: "" }, now)).toBe(now);
    expect(documentTime({ SOURCE_DATE_EPOCH: "86400" }, now).toISOString()).toBe("1970-01-02T00:00:00.000Z");
    expect(() => documentTime({ SOURCE_DATE_EPOCH: "yesterday" }, now)).toThrow("SOURCE_DATE_EPOCH");
  });
});
