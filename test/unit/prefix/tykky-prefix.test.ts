import { describe, expect, it } from "vitest";
import { KapseliError } from "../../../src/errors.ts";
import { environmentDirectories, parseTykkyConf } from "../../../src/prefix/tykky-prefix.ts";

const FILE = "/p/share/conf.yaml";
const SMALLEST = "mode: conda\ninstallation_path: /X_TYKKY_abc1234\n";
const read = (content: string) => parseTykkyConf(FILE, content);
function refused(content: string): KapseliError {
  try {
    read(content);
  } catch (error) {
    if (error instanceof KapseliError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("share/conf.yaml of an installation made by Tykky", () => {
  it("is read with every key that says what the installation is", () => {
    const conf = read(`add_ld: 'no'
composable: true
container_image: base.sif
container_src: /shared/base.sif
env_name: other
installation_path: /X_TYKKY_abc1234/
isolate: 'no'
mamba: 'yes'
mode: conda
mount_points:
- /scratch
- /projappl
pyver: '3.10'
share_container: true
sqfs_image: image.sqfs
use_uv: yes
my_site_key: 3
wrapper_paths:
- /X_TYKKY_abc1234/fftw_prog
`);
    expect(conf).toMatchObject({
      mode: "conda",
      installationPath: "/X_TYKKY_abc1234",
      environmentName: "other",
      containerImage: "base.sif",
      image: "image.sqfs",
      containerSource: "/shared/base.sif",
      sharedContainer: true,
      isolate: false,
      mamba: true,
      useUv: true,
      addLd: false,
      wrapperPaths: ["/X_TYKKY_abc1234/fftw_prog"],
      mountPoints: ["/scratch", "/projappl"],
      pythonVersion: "3.10",
    });
    expect(conf.keys).toMatchObject({ my_site_key: 3, composable: true });
  });

  it.each([
    ["is larger than any", `${SMALLEST}#${"x".repeat(300_000)}`, "more than 256 KiB"],
    [
      "is an alias bomb",
      `${SMALLEST}a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n`,
      "alias count",
    ],
    ["is nested without end", `${SMALLEST}a: ${"[".repeat(100_000)}`, "not valid YAML"],
  ])("that %s is refused soon", (_what, content, says) => {
    const { message, code, details } = refused(content);
    expect([message, code, details.where]).toEqual([
      expect.stringContaining(says),
      3,
      expect.stringContaining(FILE),
    ]);
  });

  it("with very many keys, and keys given twice, is read as PyYAML reads it", () => {
    const keys = Array.from({ length: 15_000 }, (_, index) => `k${index}: 1\n`).join("");
    expect(read(`${SMALLEST}${keys}env_name: a\nenv_name: b\n`).environmentName).toBe("b");
  });

  it("of an early release, with few keys, has the defaults of that time", () => {
    expect(read(SMALLEST)).toMatchObject({
      environmentName: "env1",
      containerImage: "container.sif",
      image: "img.sqfs",
      sharedContainer: false,
      isolate: false,
      mamba: false,
      useUv: false,
      addLd: undefined,
      wrapperPaths: [],
    });
  });

  it.each([
    ["conda_modify", "conda"],
    ["venv_modify", "venv"],
    ["wrapcont", "wrapcont"],
    ["wrapdisk", "wrapdisk"],
  ])("with the mode %s is one of %s", (mode, kind) => {
    expect(read(`mode: ${mode}\ninstallation_path: /X\n`).mode).toBe(kind);
  });

  it.each([
    ["yes", true],
    ["'yes'", true],
    ["true", true],
    ["no", false],
    ["'no'", false],
    ["False", false],
    ["''", false],
  ])("takes %s for a switch", (written, value) => {
    expect(read(`${SMALLEST}isolate: ${written}\n`).isolate).toBe(value);
  });

  it("says that a pip installation was made by uv", () => {
    expect(read("mode: venv\ninstallation_path: /X\ntemplate_script: uvenv.sh\n").useUv).toBe(true);
    expect(read("mode: venv\ninstallation_path: /X\ntemplate_script: venv.sh\n").useUv).toBe(false);
  });

  it("with errors is refused with all of them, the first with its line", () => {
    const error = refused(
      "mode: nonsense\nisolate: maybe\ninstallation_path: relative\nwrapper_paths: {a: b}\n",
    );
    expect(error.code).toBe(3);
    expect(error.details.where).toBe(`${FILE}:1`);
    expect(error.message).toBe(
      "the installation is damaged: mode: expected one of conda, venv, wrapcont, wrapdisk",
    );
    expect(error.details.others?.join("\n")).toMatch(
      /line 3: installation_path: expected an absolute path[\s\S]*line 2: isolate: [\s\S]*line 4: wrapper_paths: /,
    );
  });

  it.each([
    ["", `${FILE}:1`, /mapping/],
    ["- a\n", `${FILE}:1`, /mapping/],
    ["mode: conda\n", FILE, /installation_path: the key is missing/],
    ["mode: conda\nbad: }\n", `${FILE}:2`, /not valid YAML/],
    ["a: *b\n", FILE, /not valid YAML/],
    [`${SMALLEST}sqfs_image: ../../other/img.sqfs\n`, `${FILE}:3`, /sqfs_image: expected the name of a file/],
    [
      `${SMALLEST}container_image: /etc/passwd\n`,
      `${FILE}:3`,
      /container_image: expected the name of a file/,
    ],
    [`${SMALLEST}env_name: ..\n`, `${FILE}:3`, /env_name: expected the name/],
    ["mode: conda\ninstallation_path: /\n", `${FILE}:2`, /absolute path/],
  ])("that is damaged or leads out of the prefix is refused: %j", (content, where, message) => {
    const error = refused(content);
    expect(error.details.where).toBe(where);
    expect(error.message).toMatch(message);
  });
});

describe("where the environment is in the image", () => {
  const conda = read(SMALLEST);
  it.each([
    [
      "a conda installation",
      conda,
      ["/X_TYKKY_abc1234/miniforge/envs/env1/bin/python"],
      "miniforge/envs/env1",
    ],
    ["one of release 0.3", conda, ["/X_TYKKY_abc1234/miniconda/envs/env1/bin/python"], "miniconda/envs/env1"],
    ["one without links", conda, [], "miniforge/envs/env1"],
    ["a pip installation", read("mode: venv\ninstallation_path: /X\nenv_name: e\n"), [], "e"],
    ["a wrapped directory", read("mode: wrapdisk\ninstallation_path: /X\n"), [], ""],
    ["a wrapped container", read("mode: wrapcont\ninstallation_path: /X\n"), [], undefined],
  ])("%s", (_name, conf, links, first) => {
    expect(environmentDirectories(conf, links)[0]).toBe(first);
  });
});
