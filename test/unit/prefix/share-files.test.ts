import { describe, expect, it } from "vitest";
import { confYaml, versionYaml } from "../../../src/prefix/share-files.ts";
import { parseTykkyConf } from "../../../src/prefix/tykky-prefix.ts";

const SHARED = {
  mode: "conda" as const,
  environmentName: "env1",
  prefix: "/home/u/env",
  installationPath: "/home/u/env",
  containerSource: "host",
  sharedContainer: false,
  isolate: false,
  mamba: true,
  useUv: false,
  wrapperPaths: ["/home/u/env/fftw", "no"],
  environmentFile: "env.yml",
  configuration: {},
};

describe("share/conf.yaml of a generation", () => {
  it("has Tykky's keys as its scripts look for them", () => {
    expect(confYaml({ ...SHARED, pythonVersion: "3.10" })).toBe(`container_image: container.sif
container_src: host
env_file: env.yml
env_name: env1
installation_path: /home/u/env
installation_prefix: /home/u/env
isolate: false
mamba: true
mode: conda
pyver: '3.10'
share_container: false
sqfs_image: img.sqfs
use_uv: false
wrapper_paths:
- /home/u/env/fftw
- 'no'
`);
  });

  it("has a site's own keys as they are, without credentials, and never instead of a known one", () => {
    const text = confYaml({
      ...SHARED,
      configuration: { my_key: [1, "a: b"], mode: "other", index: "https://user:secret@host/x" },
    });
    expect(text).toContain("my_key:\n- 1\n- 'a: b'\n");
    expect(text).toContain("\nmode: conda\n");
    expect(text).not.toContain("secret");
  });

  it("can be read by what reads Tykky's own", () => {
    expect(parseTykkyConf("x", confYaml({ ...SHARED, isolate: true }))).toMatchObject({
      mode: "conda",
      installationPath: "/home/u/env",
      isolate: true,
      mamba: true,
      wrapperPaths: SHARED.wrapperPaths,
    });
  });
});

describe("share/VERSION.yml of a generation", () => {
  it("says which tool made it, and when", () => {
    const built = new Date("2026-11-21T10:00:00Z");
    expect(versionYaml({ tag: "v0.1.0-3-gabcdef0", commit: "abcdef0", built })).toBe(
      "build-time: '2026-11-21T10:00:00.000Z'\ncommit: abcdef0\ntag: v0.1.0-3-gabcdef0\n",
    );
    expect(versionYaml({ tag: "0.1.0", commit: undefined, built })).toContain("commit: unknown\n");
  });

  it("keeps a commit that looks like a number a text", () => {
    const text = versionYaml({ tag: "1.10", commit: "1234e56", built: new Date(0) });
    expect(text).toContain("tag: '1.10'\n");
    expect(text).toMatch(/commit: ["']?1234e56["']?\n/);
  });
});
