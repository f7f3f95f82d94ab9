import { describe, expect, it } from "vitest";
import {
  type CondaCreate,
  changeArgv,
  condaProgress,
  condaVariables,
  createArgv,
  downloadSize,
  explainCondaFailure,
  updateFromFileArgv,
} from "../../../src/tools/conda-cli.ts";

const create = (over: Partial<CondaCreate>) =>
  createArgv({
    engine: "micromamba",
    path: "/e",
    root: "/p",
    file: "/f",
    format: "environment-yml",
    cache: "/c",
    ...over,
  });

describe("the words that create an environment", () => {
  // micromamba 2.8.1 takes all three by `create -f` (runtime.md).
  it.each([["environment-yml"], ["explicit"], ["spec-list"]] as const)("micromamba, %s", (format) =>
    expect(create({ format })).toEqual(["/e", "create", "-y", "--root-prefix", "/c", "-p", "/p", "-f", "/f"]),
  );

  it.each([
    ["mamba", "environment-yml", ["env", "create", "-y", "-p", "/p", "-f", "/f"]],
    ["conda", "environment-yml", ["env", "create", "-y", "-p", "/p", "-f", "/f"]],
    ["conda", "explicit", ["create", "-y", "-p", "/p", "--file", "/f"]],
    ["mamba", "spec-list", ["create", "-y", "-p", "/p", "--file", "/f"]],
  ] as const)("%s, %s", (engine, format, words) =>
    expect(create({ engine, format })).toEqual(["/e", ...words]),
  );

  it("come with variables that keep caches out of the user's home", () => {
    expect(condaVariables("micromamba", "/c")).toMatchObject({
      MAMBA_ROOT_PREFIX: "/c",
      CONDA_PKGS_DIRS: "/c/pkgs",
    });
    expect(condaVariables("conda", "/c")).toMatchObject({
      CONDA_PKGS_DIRS: "/c/pkgs",
      CONDA_REGISTER_ENVS: "false",
    });
  });

  it.each(["micromamba", "mamba", "conda"] as const)(
    "have %s keep packages where the user's are",
    (engine) => {
      expect(condaVariables(engine, "/c", ["/a", "/b"]).CONDA_PKGS_DIRS).toBe("/a,/b");
    },
  );
});

describe("the words that change an environment", () => {
  const common = { path: "/opt/e", root: "/p", cache: "/c" };

  it("micromamba gets its root prefix, every engine the environment's path", () => {
    const install = { ...common, action: "install", packages: ["a>=1", "b"] } as const;
    expect(changeArgv({ ...install, engine: "micromamba" })).toEqual([
      "/opt/e",
      "install",
      "-y",
      "--root-prefix",
      "/c",
      "-p",
      "/p",
      "a>=1",
      "b",
    ]);
    expect(changeArgv({ ...install, engine: "conda" })).toEqual([
      "/opt/e",
      "install",
      "-y",
      "-p",
      "/p",
      "a>=1",
      "b",
    ]);
  });

  it("channels that are named are the only ones, and each wish is one option", () => {
    const argv = changeArgv({
      ...common,
      engine: "mamba",
      action: "update",
      packages: [],
      all: true,
      channels: ["x", "y"],
      priority: "strict",
      freeze: true,
      noDeps: true,
      onlyDeps: true,
      reinstall: true,
      files: ["/f"],
    });
    expect(argv.slice(5).join(" ")).toBe(
      "--override-channels -c x -c y --strict-channel-priority --freeze-installed --no-deps --only-deps --force-reinstall --all --file /f",
    );
    expect(
      changeArgv({ ...common, engine: "conda", action: "remove", packages: ["a"], force: true }),
    ).toContain("--force");
    expect(
      changeArgv({ ...common, engine: "conda", action: "install", packages: ["a"], priority: "disabled" }),
    ).toContain("--no-channel-priority");
  });

  it("an env.yml is taken by `update` or `env update`", () => {
    expect(updateFromFileArgv("micromamba", "/opt/m", "/p", "/c", "/f.yml").slice(1, 3)).toEqual([
      "update",
      "-y",
    ]);
    expect(updateFromFileArgv("conda", "/opt/c", "/p", "/c", "/f.yml").slice(1)).toEqual([
      "env",
      "update",
      "-p",
      "/p",
      "-f",
      "/f.yml",
    ]);
  });
});

describe("what the engine is doing", () => {
  it.each([
    ["Collecting package metadata (repodata.json): ...working... done", "solving"],
    ["Solving environment: ...working...", "solving"],
    ["Downloading and Extracting Packages:", "downloading"],
    ["Preparing transaction: ...working... done", "linking"],
    ["Executing transaction: ...working...", "linking"],
    ["Transaction starting", "linking"],
    ["Linking numpy-1.26.4-py311_0", "linking"],
    ["Installing pip packages: cowsay", "installing pip packages"],
    ["Collecting cowsay", "installing pip packages"],
    ["  + numpy  1.26.4  py311_0", undefined],
    ["", undefined],
  ])("%s", (line, said) => expect(condaProgress(line)).toBe(said));
});

describe("how much is to be downloaded", () => {
  it.each([
    ["  Total download: 98MB", 98e6],
    ["  Total download: 567kB", 567e3],
    ["  Total download: 2GB", 2e9],
    ["  Total download: 0 B", 0],
    ["                                           Total:        98.4 MB", 98.4e6],
    ["                                           Total:         1.02 GB", 1.02e9],
    ["  Total download: many MB", undefined],
    ["echo Total: 12 MB of 3", undefined],
    ["", undefined],
  ])("%s", (line, bytes) => expect(downloadSize(line)).toBe(bytes));
});

/** In the form of micromamba 2.x and conda 24; not to be had from the registries here. */
const OUTPUTS: Record<string, string> = {
  "micromamba, not found": `error    libmamba Could not solve for environment specs
    The following package could not be installed
    └─ nosuchpackage =* * does not exist (perhaps a typo or a missing channel).
critical libmamba Could not solve for environment specs`,
  "micromamba, conflict": `error    libmamba Could not solve for environment specs
    The following packages are incompatible
    ├─ kapseli-conflict =* * is not installable because it requires
    │  └─ numpy =1 *, which conflicts with any installable versions previously reported;
    └─ numpy =2 * is requested and can be installed.
critical libmamba Could not solve for environment specs`,
  "micromamba, no channel": `error    libmamba Could not connect to server
critical libmamba Download error (7) Could not connect to server [http://127.0.0.1:9/noarch/repodata.json.zst]`,
  "micromamba, certificate": `critical libmamba Download error (60) SSL peer certificate or SSH remote key was not OK [https://127.0.0.1/x]`,
  "micromamba, pip": `Installing pip packages: nosuch
ERROR: Could not find a version that satisfies the requirement nosuch (from versions: none)
ERROR: No matching distribution found for nosuch
critical libmamba pip failed to install packages`,
  "conda, not found": `Channels:
 - conda-forge
Collecting package metadata (repodata.json): ...working... done
Solving environment: ...working... failed

PackagesNotFoundError: The following packages are not available from current channels:

  - nosuchpackage`,
  "conda, conflict": `Solving environment: ...working... failed

LibMambaUnsatisfiableError: Encountered problems while solving:
  - package a-1-0 requires b 1.*, but none of the providers can be installed`,
  "conda, no channel": `CondaHTTPError: HTTP 000 CONNECTION FAILED for url <https://conda.anaconda.org/conda-forge/linux-64/repodata.json>`,
  "conda, pip": `Pip subprocess error:
ERROR: No matching distribution found for nosuch

CondaEnvException: Pip failed`,
  "no space": `critical libmamba Could not write: No space left on device`,
};

describe("a failing engine", () => {
  it.each([
    ["micromamba, not found", "a package was not found in the channels", "nosuchpackage"],
    [
      "micromamba, conflict",
      "the packages asked for cannot be installed together",
      "numpy =1 *, which conflicts",
    ],
    ["micromamba, no channel", "a channel could not be reached", "127.0.0.1:9"],
    ["micromamba, certificate", "a channel could not be reached", "SSL peer certificate"],
    [
      "micromamba, pip",
      "the pip: section could not be installed",
      "No matching distribution found for nosuch",
    ],
    ["conda, not found", "a package was not found in the channels", "  - nosuchpackage"],
    ["conda, conflict", "the packages asked for cannot be installed together", "package a-1-0 requires b"],
    ["conda, no channel", "a channel could not be reached", "CONNECTION FAILED"],
    ["conda, pip", "the pip: section could not be installed", "No matching distribution found for nosuch"],
    ["no space", "there was no space left", "No space left"],
  ])("%s: %s", (name, message, line) => {
    const error = explainCondaFailure("micromamba", (OUTPUTS[name] ?? "").split("\n"), 1);
    expect(error).toMatchObject({ code: 5, message, details: { hint: expect.any(String) } });
    expect(error.details.lines?.join("\n")).toContain(line);
  });

  it.each(["  + openssl  3.0.8  h0", "  + r-connectionpool  1.0  0", "  + quotas  1.0  0"])(
    "is not explained by the name of a package: %s",
    (line) =>
      expect(explainCondaFailure("mamba", [line, "critical: signal 11"], 139).message).toBe(
        "mamba failed with exit code 139",
      ),
  );
});
