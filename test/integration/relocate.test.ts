import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { relocateTree } from "../../src/build/relocate.ts";
import { recordingContext } from "../support/build-context.ts";
import { asOrdinaryUser } from "../support/ordinary-user.ts";
import { scratch } from "../support/programs.ts";

const MOVE = { from: "/old/env", to: "/brand/new/place" };
const PLACEHOLDER = `/opt/${"placehold_".repeat(25)}`;
const sha256 = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");

/** A tree of files, with its context. */
async function tree(files: Record<string, string | Buffer>) {
  const directory = await scratch();
  const root = join(directory, "tree");
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  const context = recordingContext(directory);
  const at = (name: string): string => join(root, name);
  return {
    root,
    at,
    context,
    directory,
    text: (name: string): Promise<string> => readFile(at(name), "utf8"),
    relocate: (move = MOVE) => relocateTree(context, root, move),
  };
}

/** A program with the old path where a placeholder was. */
const program = (path: string): Buffer =>
  Buffer.concat([
    Buffer.from(`\x7fELF\0\0${path}/share`),
    Buffer.alloc(PLACEHOLDER.length - path.length + 1),
    Buffer.from("end\0"),
  ]);

const record = (paths: object[]): string =>
  JSON.stringify({
    name: "tool",
    extracted_package_dir: "/old/env/pkgs/tool",
    link: { source: "/old/env2/pkgs/tool", type: 1 },
    paths_data: { paths, paths_version: 1 },
  });

describe("relocating a conda environment's tree", () => {
  it("rewrites what conda recorded, with its checksum, and what nobody recorded", async () => {
    const before = program(MOVE.from);
    const it = await tree({
      "bin/tool": before,
      "bin/script": "#!/old/env/bin/python3\nprint('/old/env')\n",
      "etc/conda/activate.d/x.sh": "export X=/old/env/share\n",
      "etc/other": "/old/env2\n",
      "lib/pkgconfig/x.pc": "prefix=/old/env\n",
      "conda-meta/history": "# cmd: /old/env/bin/conda install x\n",
      "conda-meta/tool.json": record([
        { _path: "bin/tool", prefix_placeholder: PLACEHOLDER, file_mode: "binary", sha256_in_prefix: "old" },
        { _path: "bin/script", prefix_placeholder: PLACEHOLDER, file_mode: "text", sha256_in_prefix: "old" },
        { _path: "../../etc/passwd", prefix_placeholder: PLACEHOLDER, file_mode: "text" },
      ]),
    });
    expect(await it.relocate()).toEqual({ files: 5, binaries: 1, links: 0, byteCode: 0, left: [] });
    expect(await readFile(it.at("bin/tool"))).toEqual(program(MOVE.to));
    expect(await it.text("bin/script")).toBe("#!/brand/new/place/bin/python3\nprint('/brand/new/place')\n");
    expect(await it.text("etc/conda/activate.d/x.sh")).toBe("export X=/brand/new/place/share\n");
    expect(await it.text("etc/other")).toBe("/old/env2\n");
    expect(await it.text("lib/pkgconfig/x.pc")).toBe("prefix=/brand/new/place\n");
    expect(await it.text("conda-meta/history")).toContain("/old/env/bin/conda");
    const now = JSON.parse(await it.text("conda-meta/tool.json"));
    expect(now.extracted_package_dir).toBe("/brand/new/place/pkgs/tool");
    expect(now.link.source).toBe("/old/env2/pkgs/tool");
    expect(now.paths_data.paths.map((one: { sha256_in_prefix?: string }) => one.sha256_in_prefix)).toEqual([
      sha256(program(MOVE.to)),
      sha256(await it.text("bin/script")),
      undefined,
    ]);
    // And back: the room is still there.
    await it.relocate({ from: MOVE.to, to: MOVE.from });
    expect(await readFile(it.at("bin/tool"))).toEqual(before);
  });

  it("leaves files that are as their package has them: what they say of that path was said elsewhere", async () => {
    const topic = "as in /old/env, for instance\n";
    const wrapper = "#!/old/env/bin/python3\n";
    const it = await tree({
      "share/topic": topic,
      "share/changed": topic,
      "bin/entry": wrapper,
      "lib/own.so": program(MOVE.from),
      "conda-meta/tool.json": record([
        { _path: "share/topic", path_type: "hardlink", sha256: sha256(topic) },
        { _path: "share/changed", path_type: "hardlink", sha256: sha256("before") },
        { _path: "bin/entry", path_type: "unix_python_entry_point", sha256: sha256(wrapper) },
        { _path: "lib/own.so", path_type: "hardlink", sha256: sha256(program(MOVE.from)) },
      ]),
    });
    expect((await it.relocate()).left).toEqual([]);
    expect(await it.text("share/topic")).toBe(topic);
    expect(await it.text("share/changed")).toContain("/brand/new/place");
    expect(await it.text("bin/entry")).toContain("/brand/new/place");
  });

  it("changes nothing at all when a program has no room for the new path", async () => {
    const it = await tree({
      "bin/tool": program(MOVE.from),
      "bin/script": "#!/old/env/bin/python3\n",
      "conda-meta/tool.json": record([
        { _path: "bin/tool", prefix_placeholder: PLACEHOLDER, file_mode: "binary" },
      ]),
    });
    const to = `/${"x".repeat(PLACEHOLDER.length)}`;
    await expect(it.relocate({ from: MOVE.from, to })).rejects.toThrow(
      `that path has ${to.length} bytes, and tool has room for ${PLACEHOLDER.length} (bin/tool)`,
    );
    expect(await it.text("bin/script")).toBe("#!/old/env/bin/python3\n");
  });

  it("leaves binary files that nobody recorded, and warns with their names", async () => {
    const it = await tree({ "lib/own.so": program(MOVE.from), "lib/other.so": program("/old/env2") });
    expect(await it.relocate()).toMatchObject({ files: 0, left: ["lib/own.so"] });
    expect(await readFile(it.at("lib/own.so"))).toEqual(program(MOVE.from));
    const [warning] = it.context.events.filter(({ event }) => event === "warning");
    expect(warning).toMatchObject({
      message: "1 binary file still holds the old path /old/env: lib/own.so",
    });
  });

  it("gives programs that were compiled in the environment its new library directory, where it fits", async () => {
    const directory = await scratch();
    const from = join(directory, "old-environment");
    await mkdir(join(from, "lib"), { recursive: true });
    await writeFile(join(directory, "l.c"), "int b(void) { return 7; }\n");
    await writeFile(join(directory, "m.c"), "int b(void); int main(void) { return b(); }\n");
    const cc = (...args: string[]) => execFileSync("cc", args, { cwd: directory });
    cc("-shared", "-fPIC", "-Wl,-soname,lib", "-o", join(from, "lib/lib"), "l.c");
    const search = `-Wl,-O1,-rpath,/nowhere:${from}/lib`;
    for (const [name, kind] of [
      ["runpath", "--enable-new-dtags"],
      ["rpath", "--disable-new-dtags"],
    ]) {
      cc("-o", join(from, name ?? ""), "m.c", join(from, "lib/lib"), search, `-Wl,${kind}`);
      expect(spawnSync(join(from, name ?? "")).status).toBe(7);
    }
    const context = recordingContext(directory);
    const move = async (path: string, to: string) => {
      await rename(path, to);
      return relocateTree(context, to, { from: path, to });
    };
    const to = join(directory, "new");
    expect(await move(from, to)).toMatchObject({ files: 2, binaries: 2, left: [] });
    expect(spawnSync(join(to, "runpath")).status).toBe(7);
    expect(spawnSync(join(to, "rpath")).status).toBe(7);
    const longer = await move(to, join(directory, "longer-than-that"));
    expect(longer).toMatchObject({ files: 0, left: ["rpath", "runpath"] });
  });

  it("finds the path across the pieces in which a large file is read, and skips large files without it", async () => {
    const piece = 16 * 1024 * 1024;
    const it = await tree({ "lib/large.so": "", "lib/larger.so": "" });
    const large = Buffer.alloc(piece + 1000);
    large.write("/old/env/lib", piece - 4);
    await writeFile(it.at("lib/large.so"), large);
    await truncate(it.at("lib/larger.so"), 4 * piece);
    expect((await it.relocate()).left).toEqual(["lib/large.so"]);
  });
});

describe("relocating any environment's tree", () => {
  it("keeps modes, and writes into nothing that has other names outside", async () => {
    const it = await tree({ "bin/a": "#!/old/env/bin/python\n", "bin/b": "/old/env\n" });
    await chmod(it.at("bin/a"), 0o755);
    await chmod(it.at("bin/b"), 0o444);
    const cached = join(it.directory, "cached");
    await link(it.at("bin/a"), cached);
    await link(it.at("bin/a"), it.at("bin/same"));
    expect((await it.relocate()).files).toBe(3);
    expect(await readFile(cached, "utf8")).toBe("#!/old/env/bin/python\n");
    expect(await it.text("bin/same")).toBe("#!/brand/new/place/bin/python\n");
    expect((await stat(it.at("bin/a"))).mode & 0o777).toBe(0o755);
    expect((await stat(it.at("bin/b"))).mode & 0o777).toBe(0o444);
    expect((await readdir(it.at("bin"))).sort()).toEqual(["a", "b", "same"]);
  });

  it("rewrites in directories without write permission, and leaves them so", async () => {
    const names = Array.from({ length: 20 }, (_, number) => `data/f${number}`);
    const it = await tree(Object.fromEntries(names.map((name) => [name, "/old/env\n"])));
    await symlink("/old/env/x", it.at("data/link"));
    await chmod(it.at("data/f0"), 0);
    await chmod(it.at("data"), 0o555);
    expect(await asOrdinaryUser(it.directory, () => it.relocate())).toMatchObject({ files: 20, links: 1 });
    expect((await stat(it.at("data"))).mode & 0o777).toBe(0o555);
    expect((await readdir(it.at("data"))).length).toBe(21);
    expect(await it.text("data/f19")).toBe("/brand/new/place\n");
    await chmod(it.at("data"), 0o755);
  });

  it("gives links into the old place their new target and does not follow any", async () => {
    const it = await tree({ "lib/x": "x" });
    const outside = join(it.directory, "outside");
    await mkdir(outside);
    await writeFile(join(outside, "file"), "/old/env\n");
    await symlink("/old/env/lib/x", it.at("lib/absolute"));
    await symlink("x", it.at("lib/relative"));
    await symlink("/old/env2", it.at("lib/other"));
    await symlink(outside, it.at("lib/outside"));
    expect(await it.relocate()).toMatchObject({ links: 1, files: 0 });
    expect(await readlink(it.at("lib/absolute"))).toBe("/brand/new/place/lib/x");
    expect(await readlink(it.at("lib/other"))).toBe("/old/env2");
    expect(await readFile(join(outside, "file"), "utf8")).toBe("/old/env\n");
  });

  it("takes away the byte code of sources that changed, and of no others", async () => {
    const it = await tree({
      "lib/m/x.py": "P = '/old/env'\n",
      "lib/m/x.pyc": "old",
      "lib/m/xy.py": "",
      "lib/m/__pycache__/x.cpython-311.pyc": "/old/env/lib/m/x.py",
      "lib/m/__pycache__/x.cpython-311.opt-1.pyc": "",
      "lib/m/__pycache__/xy.cpython-311.pyc": "/old/env/lib/m/xy.py\0",
    });
    expect(await it.relocate()).toMatchObject({ files: 1, byteCode: 3, left: [] });
    expect(await readdir(it.at("lib/m/__pycache__"))).toEqual(["xy.cpython-311.pyc"]);
    expect(await it.text("lib/m/__pycache__/xy.cpython-311.pyc")).toBe("/old/env/lib/m/xy.py\0");
  });

  it("rewrites .pth files and finders of editable installs; what pip recorded stays", async () => {
    const site = "lib/python3.11/site-packages";
    const it = await tree({
      [`${site}/x.pth`]: "/old/env/src/x\n",
      [`${site}/__editable___x_finder.py`]: "MAPPING = {'x': '/old/env/src/x'}\n",
      [`${site}/x-1.dist-info/RECORD`]: "/old/env/bin/x,sha256=abc,1\n",
      [`${site}/x-1.dist-info/direct_url.json`]: '{"url": "file:///old/env/src/x"}',
    });
    await it.relocate();
    expect(await it.text(`${site}/x.pth`)).toBe("/brand/new/place/src/x\n");
    expect(await it.text(`${site}/__editable___x_finder.py`)).toContain("'/brand/new/place/src/x'");
    expect(await it.text(`${site}/x-1.dist-info/RECORD`)).toContain("/old/env/bin/x");
    expect(await it.text(`${site}/x-1.dist-info/direct_url.json`)).toContain("/old/env/src/x");
  });

  it("moves a real venv: its scripts and activation name the new place", async () => {
    const directory = await scratch();
    const from = join(directory, "env");
    execFileSync("python3", ["-m", "venv", "--without-pip", from]);
    await writeFile(join(from, "bin", "say"), `#!${from}/bin/python3\nimport sys; print(sys.prefix)\n`);
    await chmod(join(from, "bin", "say"), 0o755);
    const to = join(directory, "a new place");
    const context = recordingContext(directory);
    execFileSync("cp", ["-a", from, to]);
    const done = await relocateTree(context, to, { from, to });
    expect(done).toMatchObject({ left: [], binaries: 0 });
    // Nothing of it may lead back.
    await rename(from, join(directory, "gone"));
    expect(execFileSync(join(to, "bin", "say"), { encoding: "utf8" })).toBe(`${to}\n`);
    const line = '. "$1/bin/activate"; printf %s "$VIRTUAL_ENV"; command -v say';
    expect(execFileSync("sh", ["-c", line, "sh", to], { encoding: "utf8" })).toBe(`${to}${to}/bin/say\n`);
    expect(await readFile(join(to, "pyvenv.cfg"), "utf8")).not.toContain(`${from}\n`);
  });

  it("does nothing for the same place, and stops when it is told to", async () => {
    const it = await tree({ "bin/a": "/old/env" });
    const { mtimeMs } = await lstat(it.at("bin/a"));
    expect(await it.relocate({ from: MOVE.from, to: MOVE.from })).toMatchObject({ files: 0 });
    expect((await lstat(it.at("bin/a"))).mtimeMs).toBe(mtimeMs);
    it.context.controller.abort(new Error("stopped"));
    await expect(it.relocate()).rejects.toThrow("stopped");
    expect(await it.text("bin/a")).toBe("/old/env");
  });
});
