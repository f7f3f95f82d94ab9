import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { requestOf } from "../../../src/cli/request-of.ts";
import type { Wanted } from "../../../src/cli/wanted.ts";
import { flagsOf } from "../../../src/cli/wanted-flags.ts";
import { resolveLayers } from "../../../src/config/resolve.ts";
import type { BuildEvent } from "../../../src/report/events.ts";
import { FACTS } from "../../support/plan-inputs.ts";
import { scratch } from "../../support/programs.ts";

const COMMON = { dryRun: false, json: false, debug: false, portable: false };

/** A directory with inputs, and what a command line with a site file's text asks for there. */
async function place() {
  const at = await scratch();
  const path = (name: string): string => join(at, name);
  await writeFile(path("env.yml"), "dependencies: [python]\n");
  await writeFile(path("r.txt"), "cowsay\n");
  await writeFile(path("base.sif"), "SIF");
  await mkdir(path("soft/bin"), { recursive: true });
  const events: BuildEvent[] = [];
  const ask = (wanted: Wanted, defaults = "{}") => {
    const facts = { ...FACTS, cwd: at };
    const layers = resolveLayers({
      environment: {},
      home: at,
      cwd: at,
      site: { file: "/etc/site.yaml", text: `defaults: ${defaults}\n` },
      ...flagsOf(wanted),
    });
    return requestOf(wanted, layers, facts, (event) => void events.push(event));
  };
  const conda = (over: object = {}): Wanted => ({
    ...COMMON,
    command: "conda-new",
    envFile: path("env.yml"),
    prefix: path("p"),
    mamba: false,
    uv: false,
    nocache: false,
    ...over,
  });
  const pip = (over: object = {}): Wanted => ({
    ...COMMON,
    command: "pip-new",
    requirements: path("r.txt"),
    prefix: path("p"),
    uv: false,
    slim: false,
    systemSitePackages: false,
    nocache: false,
    ...over,
  });
  const container = (over: object = {}): Wanted => ({
    ...COMMON,
    command: "wrap-container",
    container: path("base.sif"),
    prefix: path("p"),
    wrapperPaths: ["/usr/bin"],
    ...over,
  });
  const install = (over: object = {}): Wanted => ({
    ...COMMON,
    command: "wrap-install",
    directory: path("soft"),
    prefix: path("p"),
    mask: false,
    inPlace: false,
    compile: false,
    wrapperPaths: ["bin"],
    ...over,
  });
  return { path, ask, conda, pip, container, install, events };
}

describe("new environments", () => {
  it("of conda have their file, requirements and options", async () => {
    const { ask, conda, path } = await place();
    const { request, base } = await ask(
      conda({ requirements: path("r.txt"), mamba: true, uv: true, nocache: true, wrapperPaths: ["x"] }),
    );
    expect(request).toMatchObject({ tool: "conda", prefix: path("p"), portable: false, files: [] });
    expect(request.input?.content.format).toBe("environment-yml");
    expect(request.requirements?.path).toBe(path("r.txt"));
    expect(request.options).toMatchObject({ uv: true, nocache: true, wrapperPaths: ["x"], isolated: false });
    expect(base).toEqual({ kind: "host" });
  });

  it("of pip pass the version of Python to uv, but slim takes it for the base", async () => {
    const { ask, pip } = await place();
    const uv = await ask(pip({ uv: true, pyver: "3.12", systemSitePackages: true }));
    expect(uv.request.options).toMatchObject({ uv: true, pyver: "3.12", systemSitePackages: true });
    const slim = await ask(pip({ slim: true, pyver: "3.12" }));
    expect(slim.request.options).not.toHaveProperty("pyver");
    expect(slim.request.options.isolated).toBe(true);
    expect(slim.base).toEqual({ kind: "pull", uri: "docker://python:3.12-slim" });
  });

  it("follow links to the prefix", async () => {
    const { ask, conda, path } = await place();
    await mkdir(path("real"));
    await symlink("real", path("link"));
    expect((await ask(conda({ prefix: path("link/env") }))).request.prefix).toBe(path("real/env"));
  });

  it("share a base file where the site says so", async () => {
    const { ask, conda, path } = await place();
    const site = (share: string) => `{container_src: ${path("base.sif")}, share_container: ${share}}`;
    expect((await ask(conda(), site("yes"))).base).toEqual({
      kind: "image",
      path: path("base.sif"),
      shared: true,
    });
    expect((await ask(conda(), site("no"))).base).toMatchObject({ shared: false });
  });

  it("carry the files that are to be there by their names", async () => {
    const { ask, pip, path } = await place();
    await mkdir(path("a"));
    await writeFile(path("a/setup.cfg"), "cfg");
    const site = `{installation_file_paths: [${path("a/setup.cfg")}, ${path("r.txt")}]}`;
    const { files = [] } = (await ask(pip(), site)).request;
    expect(files.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([
      ["setup.cfg", "cfg"],
      ["r.txt", "cowsay\n"],
    ]);
  });

  it.each([
    ["of one name", "[a/r.txt, r.txt]", "installation_file_paths: two files are called r.txt"],
    ["that are missing", "[gone]", "does not exist"],
  ])("refuse such files %s", async (_what, list, message) => {
    const { ask, pip, path } = await place();
    await mkdir(path("a"));
    await writeFile(path("a/r.txt"), "");
    const absolute = list.replaceAll(/[a-z/.]+/g, (name) => path(name));
    await expect(ask(pip(), `{installation_file_paths: ${absolute}}`)).rejects.toMatchObject({
      code: 3,
      message: expect.stringContaining(message),
    });
  });

  it("whose file is missing say which", async () => {
    const { ask, conda, path } = await place();
    await expect(ask(conda({ envFile: path("no.yml") }))).rejects.toMatchObject({
      code: 3,
      message: `Env file ${path("no.yml")} does not exist`,
    });
  });
});

describe("wrapped containers", () => {
  it("are isolated and have no scripts", async () => {
    const { ask, container, path } = await place();
    const { request, base, given } = await ask(container());
    expect(request).toMatchObject({
      tool: "container",
      hooks: { pre: [], post: [] },
      options: { isolated: true },
    });
    expect(base).toMatchObject({ kind: "image", path: path("base.sif") });
    expect(given).toEqual(["/usr/bin"]);
  });

  it.each([
    ["without -w", { wrapperPaths: undefined }, "wrap-container requires -w/--wrapper-paths"],
    ["with a relative -w", { wrapperPaths: ["/a", "b", "../c"] }, "Only absolute paths are accepted"],
    ["that are nowhere", { container: "nowhere.sif" }, "nowhere.sif is neither a known name"],
  ])("%s are refused", async (_what, over, message) => {
    const { ask, container } = await place();
    await expect(ask(container(over))).rejects.toMatchObject({
      code: 3,
      message: expect.stringContaining(message),
    });
  });
});

describe("wrapped directories", () => {
  it("are packed by their physical path", async () => {
    const { ask, install, path } = await place();
    await symlink("soft", path("link"));
    const { request } = await ask(install({ directory: path("link"), mask: true }));
    expect(request.wrap).toEqual({ directory: path("soft"), masked: true });
  });

  it.each([
    ["without -w", { wrapperPaths: undefined }, "wrap-install requires -w/--wrapper-paths"],
    ["that do not exist", { directory: "gone" }, "does not exist"],
    ["that are files", { directory: "r.txt" }, "is no directory"],
    ["that hold the prefix", { prefix: "soft/p" }, "which is to be packed"],
    ["that are the prefix", { prefix: "soft" }, "which is to be packed"],
  ])("%s are refused", async (_what, over, message) => {
    const { ask, install, path } = await place();
    const absolute = Object.fromEntries(
      Object.entries(over).map(([key, value]) => [key, typeof value === "string" ? path(value) : value]),
    );
    await expect(ask(install(absolute))).rejects.toMatchObject({
      code: 3,
      message: expect.stringContaining(message),
    });
  });

  it("beside a prefix of a similar name are taken", async () => {
    const { ask, install, path } = await place();
    expect((await ask(install({ prefix: path("soft2") }))).request.prefix).toBe(path("soft2"));
  });

  it("that are prefixes already are refused", async () => {
    const { ask, install, path } = await place();
    await mkdir(path("soft/current"));
    await writeFile(path("soft/current/launcher.sh"), "");
    await expect(ask(install())).rejects.toMatchObject({
      code: 3,
      message: `${path("soft")} is a prefix already: its image holds the files`,
    });
  });
});
