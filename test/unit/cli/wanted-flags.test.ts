import { describe, expect, it } from "vitest";
import type { CommonWanted, Wanted } from "../../../src/cli/wanted.ts";
import { flagsOf } from "../../../src/cli/wanted-flags.ts";

const COMMON: CommonWanted = { dryRun: false, json: false, debug: false, portable: false };
const values = (of: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(of).map(([key, one]) => [key, (one as { value: unknown }).value]));
const flags = (wanted: Wanted) => values(flagsOf(wanted).flags);

const CONDA_NEW: Wanted = {
  ...COMMON,
  command: "conda-new",
  envFile: "env.yml",
  mamba: false,
  uv: false,
  nocache: false,
};
const PIP_NEW: Wanted = {
  ...COMMON,
  command: "pip-new",
  requirements: "r.txt",
  uv: false,
  slim: false,
  systemSitePackages: false,
  nocache: false,
};

describe("options as values of the configuration", () => {
  it.each<[string, Wanted, Record<string, unknown>]>([
    ["conda-containerize new", CONDA_NEW, { mode: "conda", env_file: "env.yml" }],
    [
      "with everything",
      {
        ...CONDA_NEW,
        prefix: "p",
        preInstall: "a",
        postInstall: "b",
        environ: "c",
        wrapperPaths: ["x"],
        base: "debian12",
        tmpdir: "/t",
        requirements: "r",
        mamba: true,
        uv: true,
        nocache: true,
        engine: "conda",
      },
      {
        mode: "conda",
        env_file: "env.yml",
        installation_prefix: "p",
        pre_install: [{ file: "a" }],
        post_install: [{ file: "b" }],
        extra_envs: [{ file: "c" }],
        wrapper_paths: ["x"],
        container_src: "debian12",
        build_tmpdir_base: "/t",
        requirements_file: "r",
        mamba: true,
        use_uv: true,
        pipcache: false,
        conda_engine: "conda",
      },
    ],
    ["pip-containerize new", PIP_NEW, { mode: "venv", requirements_file: "r.txt" }],
    ["--slim is isolated", { ...PIP_NEW, slim: true, pyver: "3.12" }, { isolate: true, pyver: "3.12" }],
    ["--system-site-packages", { ...PIP_NEW, systemSitePackages: true }, { enable_site_packages: true }],
    [
      "update",
      { ...COMMON, command: "pip-update", directory: "d", nocache: false, removeWrapperPaths: [] },
      { mode: "venv", update_installation: true, installation_prefix: "d" },
    ],
    [
      "relocate",
      { ...COMMON, command: "relocate", directory: "d" },
      { update_installation: true, installation_prefix: "d" },
    ],
    ["rebuild in place", { ...COMMON, command: "rebuild", from: "d" }, { installation_prefix: "d" }],
    [
      "rebuild elsewhere",
      { ...COMMON, command: "rebuild", from: "d", prefix: "p" },
      { installation_prefix: "p" },
    ],
  ])("%s", (_what, wanted, expected) => expect(flags(wanted)).toMatchObject(expected));

  it("that were not given say nothing, so that the configuration holds", () => {
    expect(Object.keys(flags(CONDA_NEW)).sort()).toEqual(["env_file", "mode"]);
    expect(Object.keys(flags(PIP_NEW)).sort()).toEqual(["mode", "requirements_file"]);
    expect(flagsOf({ ...COMMON, command: "advanced", tool: "pip", yaml: "y" })).toEqual({
      implied: {},
      flags: {},
    });
  });

  it("a relative --tmpdir begins at the caller's directory", () => {
    expect(flags({ ...CONDA_NEW, tmpdir: "t" }).build_tmpdir_base).toBe(`${process.cwd()}/t`);
  });
});

describe("what a YAML file goes before", () => {
  it("is what a wrap command means by itself, with --prefix", () => {
    const { implied, flags } = flagsOf({
      ...COMMON,
      command: "wrap-install",
      directory: "d",
      mask: true,
      inPlace: false,
      compile: false,
      prefix: "p",
      yaml: "y",
      wrapperPaths: ["bin"],
      environ: "e",
    });
    expect(values(implied)).toEqual({
      mode: "wrapdisk",
      wrap_src: "d",
      mask_wrap_install: true,
      installation_prefix: "p",
    });
    expect(values(flags)).toEqual({ wrapper_paths: ["bin"], extra_envs: [{ file: "e" }] });
    expect(flags.wrapper_paths?.add).toBe(true);
  });

  it("a wrapped container is isolated, but its YAML may say otherwise", () => {
    const { implied, flags } = flagsOf({
      ...COMMON,
      command: "wrap-container",
      container: "a.sif",
      wrapperPaths: ["/b"],
    });
    expect(values(implied)).toEqual({ mode: "wrapcont", container_src: "a.sif", isolate: true });
    expect(flags).not.toHaveProperty("isolate");
    expect(flags.wrapper_paths?.add).toBeUndefined();
  });
});
