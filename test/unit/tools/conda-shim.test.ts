import { describe, expect, it } from "vitest";
import { configLines } from "../../../src/tools/conda-config-words.ts";
import type { ShimPlace } from "../../../src/tools/conda-request.ts";
import { parseCondaCall } from "../../../src/tools/conda-shim.ts";

const PLACE: ShimPlace = {
  root: "/p/env",
  envName: "env1",
  base: "/w/hooks/conda",
  cwd: "/home/u",
  activePrefix: "/p/env",
};
const INACTIVE = { ...PLACE, activePrefix: "" };

const words = (line: string): string[] => line.split(" ");
const asked = (line: string, place = PLACE, program = "conda") => parseCondaCall(program, words(line), place);

const INSTALL = {
  command: "install",
  specs: [],
  update: [],
  updateAll: false,
  files: [],
  channels: [],
  overrideChannels: false,
  freeze: false,
  noDeps: false,
  onlyDeps: false,
  reinstall: false,
  json: false,
};

describe("what conda's command lines ask for", () => {
  it.each([
    ["install -y numpy", { specs: ["numpy"] }],
    [
      "-q install -yq -c a --channel=b -cd numpy>=1,<2 scipy",
      { channels: ["a", "b", "d"], specs: ["numpy>=1,<2", "scipy"] },
    ],
    [
      "install numpy -n env1 --override-channels -c x",
      { specs: ["numpy"], channels: ["x"], overrideChannels: true },
    ],
    ["install -p /p/env/ numpy", { specs: ["numpy"] }],
    ["install -p /p/env/miniforge/envs/env1 numpy", { specs: ["numpy"] }],
    ["install --prefix=../../p/env numpy", { specs: ["numpy"] }],
    ["install --file a.txt -f b.txt", { files: ["a.txt", "b.txt"] }],
    [
      "install --freeze-installed --no-deps --force-reinstall x",
      { specs: ["x"], freeze: true, noDeps: true, reinstall: true },
    ],
    ["install --only-deps --strict-channel-priority x", { specs: ["x"], onlyDeps: true, priority: "strict" }],
    ["install --no-channel-priority --json x", { specs: ["x"], priority: "disabled", json: true }],
    ["update numpy", { update: ["numpy"] }],
    ["upgrade --all -y", { updateAll: true }],
  ])("%s", (line, expected) => {
    expect(asked(line)).toEqual({ ...INSTALL, ...expected });
  });

  it.each([
    ["remove -y a b", { command: "remove", packages: ["a", "b"], force: false, json: false }],
    ["uninstall --force a", { command: "remove", packages: ["a"], force: true, json: false }],
    ["list", { command: "list", fullName: false, format: "table", pip: true }],
    [
      "list -f numpy --json",
      { command: "list", pattern: "numpy", fullName: true, format: "json", pip: true },
    ],
    [
      "list --explicit --md5",
      { command: "list", fullName: false, format: "explicit", hash: "md5", pip: true },
    ],
    ["info --base", { command: "info", format: "base" }],
    ["info -e", { command: "info", format: "envs" }],
    ["env list --json", { command: "env-list", json: true }],
    [
      "env export --no-builds -f x.yml",
      { command: "env-export", builds: false, fromHistory: false, json: false, file: "x.yml" },
    ],
    ["export --from-history", { command: "env-export", builds: true, fromHistory: true, json: false }],
    ["env update -f a.yml", { command: "env-update", file: "a.yml", prune: false }],
    [
      "env config vars set A=1 B=x=y",
      { command: "env-vars", action: "set", values: ["A=1", "B=x=y"], json: false },
    ],
    ["run -n env1 --no-capture-output python -n x -c y", { command: "run", from: 4 }],
    ["run --cwd=/tmp -- ls", { command: "run", from: 3, cwd: "/tmp" }],
    [
      "clean -a -y",
      { command: "nothing", said: "nothing to clean: the package cache is not in the image", output: "" },
    ],
    ["--version", { command: "nothing", said: "", output: "conda 24.11.0\n" }],
    ["shell.bash hook", { command: "nothing", said: "", output: "" }],
  ])("%s", (line, expected) => {
    expect(asked(line)).toEqual(expected);
  });

  it.each([
    ["config --show", [{ action: "show", keys: [], json: false }]],
    [
      "config --show channels pkgs_dirs --json",
      [{ action: "show", keys: ["channels", "pkgs_dirs"], json: true }],
    ],
    [
      "config --add channels a --append channels b",
      [
        { action: "prepend", key: "channels", value: "a" },
        { action: "append", key: "channels", value: "b" },
      ],
    ],
    [
      "config --set channel_priority strict --get",
      [
        { action: "set", key: "channel_priority", value: "strict" },
        { action: "get", keys: [] },
      ],
    ],
    ["config --system --remove-key channels", [{ action: "remove-key", key: "channels", value: "" }]],
    [
      "config --show-sources",
      [{ action: "show", keys: ["channels", "channel_priority", "pkgs_dirs"], json: false }],
    ],
    ["config --set always_yes true", [{ action: "set", key: "always_yes", value: "true" }]],
  ])("%s", (line, actions) => {
    expect(asked(line)).toEqual({ command: "config", actions });
  });
});

describe("what a hook cannot have", () => {
  it.each([
    ["build .", "conda build: not possible in a hook"],
    ["create -n env1 python", "conda create: not possible in a hook"],
    ["env remove -n env1", "conda env remove: not possible in a hook"],
    ["env config vars", "conda env config vars: not possible in a hook"],
    ["install -n base conda", "conda install -n base: not possible in a hook: there is no base installation"],
    [
      "install -n other x",
      "conda install -n other: not possible in a hook: there is only the environment env1",
    ],
    ["install -p /elsewhere x", "conda install -p /elsewhere: not possible"],
    ["install", "conda install: not possible in a hook: it names no package"],
    ["install ./x-1-0.conda", "conda install ./x-1-0.conda: not possible"],
    ["install --revision 3", "conda install --revision: not possible in a hook: this option"],
    ["install -c", "conda install: not possible"],
    ["update numpy=2", "conda update numpy=2: not possible in a hook: use conda install"],
    ["remove --all", "conda remove --all: not possible"],
    ["list (", "conda list (: not possible"],
    ["config --set ssl_verify false", "conda config --set ssl_verify: not possible"],
    ["config --set channels x", "conda config --set channels: not possible"],
    ["config --add pkgs_dirs x", "conda config --prepend pkgs_dirs: not possible"],
    ["config --set channel_priority maybe", "conda config --set channel_priority maybe: not possible"],
    ["config --file x --show", "conda config --file: not possible"],
    ["run -n env1", "conda run: not possible in a hook: it names no program"],
    ["run --weird x", "conda run --weird: not possible"],
    ["activate other", "conda activate: not possible"],
    ["deactivate", "conda deactivate: not possible"],
    ["init bash", "conda init: not possible"],
  ])("%s", (line, message) => {
    const answer = asked(line);
    expect("refused" in answer && answer.refused).toContain(message);
  });

  it("the environment has to be named where it is not active", () => {
    expect(asked("list", INACTIVE)).toMatchObject({
      refused: expect.stringContaining("name it with -n env1"),
    });
    expect(asked("list -n env1", INACTIVE)).toMatchObject({ command: "list" });
    expect(asked("activate env1", INACTIVE)).toHaveProperty("refused");
    expect(asked("activate env1")).toMatchObject({ command: "nothing" });
  });

  it("mamba is called mamba", () => {
    expect(asked("build .", PLACE, "mamba")).toMatchObject({
      refused: expect.stringMatching(/^mamba build:/),
    });
    expect(asked("--version", PLACE, "mamba")).toMatchObject({ output: "2.0.0\n" });
  });
});

describe("config --show", () => {
  it("prints lists and values as conda does", () => {
    expect(configLines("channels", ["a", "b"])).toBe("channels:\n  - a\n  - b\n");
    expect(configLines("default_channels", [])).toBe("default_channels: []\n");
    expect(configLines("channel_priority", "strict")).toBe("channel_priority: strict\n");
  });
});
