import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, readlink, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Manifest } from "../../src/prefix/manifest.ts";
import {
  containersOf,
  inputFile,
  type Ran,
  runTool,
  type StubHost,
  stubHost,
  type Tool,
  treeOf,
} from "../support/stub-host.ts";
import { makeTykkyPrefix } from "../support/tykky-prefix.ts";

/** Stand-ins for hooks: the stub binds nothing, so they write where the work tree is. */
const MAKE_TOOLS = [
  'mkdir -p "$CW_BUILD_TMPDIR/tree/tools"',
  "printf '#!/bin/sh\\necho tool\\n' >\"$CW_BUILD_TMPDIR/tree/tools/run\"",
  'chmod 755 "$CW_BUILD_TMPDIR/tree/tools/run"',
  "",
].join("\n");

const manifestOf = async (host: StubHost) =>
  Manifest.parse(JSON.parse(await readFile(join(host.prefix, "current", "manifest.json"), "utf8")));

/** A pip environment with a wrapped directory, an environ script and, of the site's, further library directories. */
async function made(host: StubHost, ...more: string[]): Promise<void> {
  const site = await inputFile(host, "site.yaml", "defaults:\n  wrapper_ld_library_paths: [/opt/l]\n");
  const args = [
    "--prefix",
    host.prefix,
    "--post-install",
    await inputFile(host, "post.sh", MAKE_TOOLS),
    "--environ",
    await inputFile(host, "environ.sh", "export FROM_ENVIRON=1\n"),
    "-w",
    "tools",
    ...more,
    await inputFile(host, "requirements.txt", "hello\n"),
  ];
  const ran = await runTool(host, "pip-containerize", ["new", ...args], { env: { CW_GLOBAL_YAML: site } });
  expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
}

const update = (host: StubHost, ...more: string[]): Promise<Ran> =>
  runTool(host, "pip-containerize", ["update", ...more, host.prefix]);

async function environment(): Promise<StubHost> {
  const host = await stubHost({ programs: ["python3"] });
  await made(host);
  return host;
}

describe("an update without any option", () => {
  it("keeps what the environment was made with, in a new generation", async () => {
    const host = await environment();
    const before = await manifestOf(host);
    expect(before.options).toMatchObject({ wrapperPaths: ["tools"], libraries: [] });
    const ran = await update(host);
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toContain(`${host.prefix} is updated: this makes its generation 2`);
    expect(await readlink(join(host.prefix, "current"))).toBe("generations/2");
    const after = await manifestOf(host);
    expect(after.options).toEqual(before.options);
    expect(after.commands).toEqual(before.commands);
    expect(after.commands).toContain("run");
    expect(await readFile(join(host.prefix, "current", "environ.bash"), "utf8")).toBe(
      "export FROM_ENVIRON=1\n",
    );
    // What the site's file adds is read anew each time.
    const launcher = (generation: number) =>
      readFile(join(host.prefix, "generations", String(generation), "launcher.sh"), "utf8");
    expect(await launcher(1)).toContain("/opt/l");
    expect(await launcher(2)).not.toContain("/opt/l");
  });

  it("keeps the inputs of each build, in the order of the builds", async () => {
    const host = await environment();
    const more = await inputFile(host, "more.txt", "hello\n");
    expect((await update(host)).exitCode).toBe(0);
    expect((await update(host, "-r", more)).exitCode).toBe(0);
    const inputs = join(host.prefix, "share", "previous_input");
    expect((await readdir(inputs)).sort()).toEqual(["0", "1", "2"]);
    const kept = await Promise.all(["0", "1", "2"].map((name) => readdir(join(inputs, name))));
    expect(kept).toEqual([["requirements.txt"], [], ["more.txt"]]);
  });

  it("of a prefix that was moved makes it the new place's", async () => {
    const host = await environment();
    const moved = join(host.directory, "moved");
    await rename(host.prefix, moved);
    const ran = await runTool(host, "pip-containerize", ["update", `${moved}/`]);
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await manifestOf({ ...host, prefix: moved })).root).toBe(moved);
  });
});

describe("what an update installs", () => {
  it("comes by the environment's own pip, with what options ask for", async () => {
    const host = await environment();
    const more = await inputFile(host, "more.txt", "hello\n");
    expect((await update(host, "--nocache", "-r", more)).exitCode).toBe(0);
    const installs = containersOf(host).filter(({ argv }) => argv.includes("install"));
    const [first, second, ...others] = installs;
    expect(others).toEqual([]);
    expect(first?.environment).not.toHaveProperty("PIP_NO_CACHE_DIR");
    expect(second?.environment).toMatchObject({ PIP_NO_CACHE_DIR: "1" });
    expect(second?.argv.slice(-2)).toEqual(["-r", more]);
    expect((await manifestOf(host)).options.nocache).toBe(true);
  });

  it("replaces the environ script that is given again", async () => {
    const host = await environment();
    await update(host, "--environ", await inputFile(host, "other.sh", "export OTHER=1\n"));
    expect(await readFile(join(host.prefix, "current", "environ.bash"), "utf8")).toBe("export OTHER=1\n");
  });
});

describe("what -w names, over updates", () => {
  it("is added to, each once, and forgotten when asked for", async () => {
    const host = await environment();
    expect((await update(host, "-w", "tools/run,tools/")).exitCode).toBe(0);
    expect((await manifestOf(host)).options.wrapperPaths).toEqual(["tools/run", "tools/"]);
    expect((await update(host, "--remove-wrapper-paths", "tools,tools/run")).exitCode).toBe(0);
    expect((await manifestOf(host)).options.wrapperPaths).toEqual([]);
    expect(await readdir(join(host.prefix, "bin"))).not.toContain("run");
  });

  it("that is not remembered cannot be forgotten", async () => {
    const host = await environment();
    const ran = await update(host, "--remove-wrapper-paths", "nope");
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("--remove-wrapper-paths nope: it is not among those remembered");
    expect(ran.stderr).toContain("They are tools.");
  });

  it("and is gone is a warning when remembered, an error when given", async () => {
    const host = await environment();
    const gone = await inputFile(host, "gone.sh", 'rm -r "$CW_BUILD_TMPDIR/tree/tools"\n');
    const ran = await update(host, "--post-install", gone);
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toContain(
      "WARNING ] tools, which an earlier -w or the site's configuration names, is not there",
    );
    const again = await update(host, "-w", "tools");
    expect(again.exitCode).toBe(3);
    expect(again.stderr).toContain("-w tools is not there inside the environment");
  });
});

describe("a failed update", () => {
  it("leaves the prefix as it was, wherever it fails", async () => {
    const host = await environment();
    const before = await treeOf(host.prefix, [".kapseli.lock"]);
    const bad = await inputFile(host, "bad.sh", "echo about to fail\nfalse\n");
    const early = await inputFile(host, "early.sh", "exit 0\n");
    const failures: [string[], number, string][] = [
      [["--post-install", bad], 5, `${bad}:2`],
      [["--pre-install", bad], 5, `${bad}:2`],
      [["--post-install", early], 5, `${early}:1`],
      [["-r", await inputFile(host, "fails.txt", "build-fails\n")], 5, "could not be built from its source"],
      [["-r", "no-such-file"], 3, "does not exist"],
      [["-w", "nowhere"], 3, "is not there inside the environment"],
    ];
    for (const [args, exitCode, message] of failures) {
      const ran = await update(host, ...args);
      expect(ran.exitCode, ran.stderr).toBe(exitCode);
      expect(ran.stderr).toContain(message);
      expect(await treeOf(host.prefix, [".kapseli.lock"]), args.join(" ")).toEqual(before);
      expect(await readdir(host.work)).toEqual([]);
    }
    expect(await readdir(host.prefix)).not.toContain(".kapseli.lock");
  });

  it("does so when its image cannot be packed", async () => {
    const host = await environment();
    const before = await treeOf(host.prefix, [".kapseli.lock"]);
    const full = await stubHost({ programs: ["python3"], stubs: { STUB_MKSQUASHFS: "no-space" } });
    const ran = await update({ ...full, prefix: host.prefix });
    expect(ran.exitCode).toBe(6);
    expect(await treeOf(host.prefix, [".kapseli.lock"])).toEqual(before);
  });
});

describe("what cannot be updated", () => {
  const refused = async (host: StubHost, tool: Tool, directory: string, message: string) => {
    const ran = await runTool(host, tool, ["update", directory]);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain(message);
    expect(await readdir(host.work)).toEqual([]);
  };

  it("is an environment of the other tool", async () => {
    const host = await environment();
    await refused(host, "conda-containerize", host.prefix, `[ ERROR ] ${host.prefix} is a pip environment\n`);
    const hint = `What to do: Update it with pip-containerize update ${host.prefix}\n`;
    await refused(host, "conda-containerize", host.prefix, hint);
    expect(await readlink(join(host.prefix, "current"))).toBe("generations/1");
  });

  it("is a directory without one, and nothing at all", async () => {
    const host = await stubHost();
    const words = (path: string) => `Directory ${path} does not exist or is not a valid installation`;
    await refused(host, "pip-containerize", host.work, words(host.work));
    const nowhere = join(host.directory, "nowhere");
    await refused(host, "conda-containerize", nowhere, words(nowhere));
    expect(existsSync(nowhere)).toBe(false);
  });

  it("is one that is damaged", async () => {
    const host = await environment();
    const image = join(host.prefix, "generations", "1", "env.sqfs");
    const manifest = join(host.prefix, "generations", "1", "manifest.json");
    const text = await readFile(manifest, "utf8");
    await writeFile(manifest, "{");
    await refused(
      host,
      "pip-containerize",
      host.prefix,
      "the installation is damaged: the manifest is not valid JSON",
    );
    await writeFile(manifest, text);
    await writeFile(image, "no image");
    const ran = await update(host);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain(`${image} is damaged`);
    expect(ran.stderr).toContain("What to do: Restore the file, or build the environment anew.\n");
    await rm(image);
    await refused(host, "pip-containerize", host.prefix, `the installation is damaged: ${image} is missing`);
  });

  it.each([
    ["wrapcont", "made by wrap-container, which cannot be updated"],
    ["wrapdisk", "made by wrap-install, which cannot be updated"],
  ] as const)(
    "is what Tykky's wrap tools made (%s); every refusal says to take another prefix",
    async (mode, why) => {
      const host = await stubHost();
      const prefix = join(host.directory, "tykky");
      await makeTykkyPrefix({ prefix, mode });
      const hint = "with another --prefix, or move this one away first";
      await refused(host, "conda-containerize", prefix, why);
      await refused(host, "conda-containerize", prefix, hint);
      const soft = join(host.directory, "soft");
      await mkdir(join(soft, "bin"), { recursive: true });
      const again = await runTool(host, "wrap-install", ["-w", "bin", "--prefix", prefix, soft]);
      expect(again.exitCode).toBe(4);
      expect(again.stderr).toContain(`${prefix} holds an installation made by Tykky\n`);
      expect(again.stderr).toContain("Choose another directory with --prefix, or move that one away.");
    },
  );

  it("is what a wrap tool made", async () => {
    const host = await stubHost();
    const soft = join(host.directory, "soft");
    await mkdir(join(soft, "bin"), { recursive: true });
    await writeFile(join(soft, "bin", "x"), "#!/bin/sh\n", { mode: 0o755 });
    const made = await runTool(host, "wrap-install", ["-w", "bin", "--prefix", host.prefix, soft]);
    expect(made).toMatchObject({ exitCode: 0, stderr: "" });
    await refused(host, "pip-containerize", host.prefix, "made by wrap-install, which cannot be updated");
    await refused(host, "conda-containerize", host.prefix, "made by wrap-install, which cannot be updated");
  });
});
