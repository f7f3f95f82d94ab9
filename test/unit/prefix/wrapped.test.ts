import { spawnSync } from "node:child_process";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  isCallable,
  joinCommands,
  parseWrapped,
  scriptStandIn,
  type WrappedProgram,
  wrapperItem,
} from "../../../src/prefix/wrapped.ts";
import { executable, scratch } from "../../support/programs.ts";

const LIST = fileURLToPath(new URL("../../../src/templates/list-programs.sh", import.meta.url));
const program = (name: string, path = `/o/${name}`, script = false): WrappedProgram => ({
  item: "/o",
  name,
  path,
  script,
});

describe("an item of -w", () => {
  it.each([
    ["bin", "/m/bin"],
    ["a/b/", "/m/a/b"],
    [".", "/m"],
    ["a/../b", "/m/b"],
    ["./x y", "/m/x y"],
    ["/usr/bin/", "/usr/bin"],
    ["/usr//bin/../lib", "/usr/lib"],
    ["/", "/"],
    ["$(id)", "/m/$(id)"],
  ])("%j is %s", (item, path) => expect(wrapperItem(item, "/m")).toBe(path));

  it.each(["..", "../x", "a/../../m2", "a/../../../etc"])("%s leads out of the environment", (item) => {
    expect(() => wrapperItem(item, "/m")).toThrow(
      expect.objectContaining({ code: 3, message: `-w ${item} leads out of the environment` }),
    );
  });
});

describe("what the base lists for -w", () => {
  const listed = async (all: string, ...items: string[]) => {
    const ran = spawnSync("/bin/sh", [LIST, all, ...items], { encoding: "utf8" });
    expect(ran.stderr).toBe("");
    return parseWrapped(ran.stdout);
  };

  it("is every program of a directory, named with scripts told apart", async () => {
    const at = await scratch();
    await executable(join(at, "run me"), "#!/bin/sh\n");
    await executable(join(at, "binary"), "\u007fELF\n");
    await writeFile(join(at, "data"), "x");
    await mkdir(join(at, "sub"));
    await symlink("binary", join(at, "link"));
    await symlink("nowhere", join(at, "dangling"));
    const { programs, missing, empty, dangling } = await listed("", `${at}/`);
    expect(programs).toEqual([
      { item: at, name: "binary", path: join(at, "binary"), script: false },
      { item: at, name: "link", path: join(at, "link"), script: false },
      { item: at, name: "run me", path: join(at, "run me"), script: true },
    ]);
    expect([missing, empty, dangling]).toEqual([[], [], [join(at, "dangling")]]);
  });

  it("has what cannot be executed, too, with wrap_all", async () => {
    const at = await scratch();
    await writeFile(join(at, "data"), "x");
    expect((await listed("", at)).empty).toEqual([at]);
    expect((await listed("1", at)).programs.map(({ name }) => name)).toEqual(["data"]);
  });

  it("tells a file named by itself that cannot be executed, but with wrap_all takes it", async () => {
    const data = join(await scratch(), "data");
    await writeFile(data, "x");
    expect(await listed("", data)).toMatchObject({ programs: [], missing: [], notExecutable: [data] });
    expect((await listed("1", data)).programs.map(({ name }) => name)).toEqual(["data"]);
  });

  it("is a file named by itself, what is missing, and what holds nothing", async () => {
    const at = await scratch();
    await mkdir(join(at, "none"));
    const one = await executable(join(at, "one"), "x");
    const found = await listed("", one, join(at, "gone"), join(at, "none"));
    expect(found.programs).toEqual([{ item: one, name: "one", path: one, script: false }]);
    expect(found.missing).toEqual([join(at, "gone")]);
    expect(found.empty).toEqual([join(at, "none")]);
  });

  it("keeps names with newlines whole, which are then refused", async () => {
    const at = await scratch();
    await executable(join(at, "a\nb"), "x");
    const { programs } = await listed("", at);
    expect(programs.map(({ name }) => name)).toEqual(["a\nb"]);
    expect(programs.some(({ name }) => isCallable(name))).toBe(false);
  });

  it.each(["a\u0000", "a\u001b[0m", "\u007f", "\ufffd", ".", ".."])("%j can be no launcher", (name) =>
    expect(isCallable(name)).toBe(false),
  );
  it.each(["a b", "x*", "[", "ä", "...", "--help", "it's"])("%j can be one", (name) =>
    expect(isCallable(name)).toBe(true),
  );
});

describe("names of the environment and of -w", () => {
  it("come together, sorted", () => {
    const { names, targets, collisions } = joinCommands(["python3", "b"], "/e/bin", [program("a")]);
    expect(names).toEqual(["a", "b", "python3"]);
    expect([...targets]).toEqual([["a", "/o/a"]]);
    expect(collisions).toEqual([]);
  });

  it("that several have mean the last one, and are told", () => {
    const first = program("tool", "/one/tool", true);
    const { names, targets, scripts, collisions } = joinCommands(["tool"], "/e/bin", [
      first,
      program("tool", "/two/tool"),
    ]);
    expect(names).toEqual(["tool"]);
    expect(targets.get("tool")).toBe("/two/tool");
    expect(scripts.has("tool")).toBe(false);
    expect(collisions).toEqual([
      { name: "tool", path: "/one/tool", before: "/e/bin/tool" },
      { name: "tool", path: "/two/tool", before: "/one/tool" },
    ]);
  });

  it("given twice are no collision, nor is the environment's own bin", () => {
    const { targets, collisions } = joinCommands(["python3"], "/e/bin", [
      program("python3", "/e/bin/python3"),
      program("x"),
      program("x"),
    ]);
    expect(collisions).toEqual([]);
    expect([...targets.keys()]).toEqual(["x"]);
  });

  it("of scripts are told apart", () => {
    const { scripts } = joinCommands([], "/e/bin", [program("s", "/o/s", true), program("b")]);
    expect([...scripts]).toEqual(["s"]);
  });
});

it("a script's stand-in passes arguments and exit code on, whatever the script is called", async () => {
  const at = await scratch();
  const odd = join(at, 'it\'s $(touch pwned) "x"');
  await executable(odd, '#!/bin/sh\nprintf "%s|" "$0" "$@"\nexit 7\n');
  const standIn = join(at, "stand-in");
  await writeFile(standIn, scriptStandIn(odd));
  await chmod(standIn, 0o755);
  const ran = spawnSync(standIn, ["a b", "", "$x"], { encoding: "utf8", cwd: at });
  expect(ran.stdout).toBe(`${odd}|a b||$x|`);
  expect(ran.status).toBe(7);
});
