import { spawn, spawnSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfigFile, readInputFile, readSiteFile } from "../../../src/host/input-file.ts";
import { scratch } from "../../support/programs.ts";

describe("the site file", () => {
  it("is the one that CW_GLOBAL_YAML names, relative to the current directory", async () => {
    const cwd = await scratch();
    await writeFile(join(cwd, "conf.yaml"), "defaults: {}\n");
    const wanted = { file: join(cwd, "conf.yaml"), text: "defaults: {}\n" };
    expect(await readSiteFile("conf.yaml", cwd, [])).toEqual(wanted);
    expect(await readSiteFile(join(cwd, "conf.yaml"), "/", [])).toEqual(wanted);
  });

  it.each([undefined, ""])("is the first place that has one where CW_GLOBAL_YAML is %j", async (named) => {
    const cwd = await scratch();
    const places = [join(cwd, "none"), join(cwd, "none", "below"), join(cwd, "first"), join(cwd, "second")];
    expect(await readSiteFile(named, cwd, places)).toBeUndefined();
    await writeFile(join(cwd, "second"), "2");
    expect(await readSiteFile(named, cwd, places)).toEqual({ file: join(cwd, "second"), text: "2" });
    await symlink("second", join(cwd, "first"));
    expect(await readSiteFile(named, cwd, places)).toEqual({ file: join(cwd, "first"), text: "2" });
  });

  it("that is a link to nothing is an error, not a host without a site file", async () => {
    const cwd = await scratch();
    const place = join(cwd, "site.yaml");
    await symlink("gone.yaml", place);
    await expect(readSiteFile(undefined, cwd, [place])).rejects.toMatchObject({
      code: 3,
      message: expect.stringContaining(`the site file ${place} cannot be read`),
      details: { hint: expect.stringContaining("CW_GLOBAL_YAML") },
    });
  });
});

describe("a configuration with a byte order mark", () => {
  it("is read without it", async () => {
    const cwd = await scratch();
    await writeFile(join(cwd, "c.yaml"), "\ufeffdefaults: {}\n");
    expect((await readConfigFile("c.yaml", "it", cwd)).text).toBe("defaults: {}\n");
  });
});

describe("an input file", () => {
  it.each<[string, string, number, string]>([
    ["a device without end", "/dev/zero", 1_000_000, "has more than 1 MiB"],
    ["larger than what is read as a whole", "large", 1_000_000, "has more than 1 MiB"],
    ["a directory", ".", 10, "is a directory"],
    ["missing", "nowhere", 10, "does not exist"],
  ])("that is %s is refused", async (_what, name, largest, problem) => {
    const cwd = await scratch();
    await writeFile(join(cwd, "large"), Buffer.alloc(1_000_001));
    await expect(readInputFile(resolve(cwd, name), "The file", largest)).rejects.toMatchObject({
      code: 3,
      message: expect.stringContaining(problem),
      details: { hint: expect.any(String) },
    });
  });

  it("may be empty, just as large as allowed, or a pipe", async () => {
    const cwd = await scratch();
    await writeFile(join(cwd, "empty"), "");
    await writeFile(join(cwd, "full"), Buffer.alloc(70_000, "x"));
    expect((await readInputFile(join(cwd, "empty"), "it", 70_000)).bytes.length).toBe(0);
    expect((await readInputFile(join(cwd, "full"), "it", 70_000)).bytes.length).toBe(70_000);
    spawnSync("mkfifo", [join(cwd, "pipe")]);
    const writer = spawn("sh", ["-c", 'cat "$1" >"$2"', "sh", join(cwd, "full"), join(cwd, "pipe")]);
    const read = await readInputFile(join(cwd, "pipe"), "it", 70_000);
    expect([read.bytes.length, read.regular]).toEqual([70_000, false]);
    writer.kill();
  });
});

describe("a file that is no configuration", () => {
  it.each<[string, (path: string) => Promise<unknown>, string]>([
    ["a directory", (path) => mkdir(path), "is a directory"],
    ["binary", (path) => writeFile(path, Buffer.from([0xff, 0xfe, 0x00])), "is no UTF-8 text (line 1)"],
    ["UTF-16", (path) => writeFile(path, "\ufeffdefaults: {}\n", "utf16le"), "is no UTF-8 text (line 1)"],
    ["Latin-1", (path) => writeFile(path, "a: 1\nb: 2\nc: caf\xe9\n", "latin1"), "is no UTF-8 text (line 3)"],
    ["with a NUL", (path) => writeFile(path, "a: 1\nb: \0\n"), "is no UTF-8 text (line 2)"],
    ["huge", (path) => writeFile(path, Buffer.alloc(300 * 1024, "#")), "is larger than any configuration"],
    ["an endless device", (path) => symlink("/dev/zero", path), "is a device"],
    ["missing", async () => undefined, "cannot be read"],
  ])("because it is %s is refused", async (_what, make, problem) => {
    const cwd = await scratch();
    await make(join(cwd, "c.yaml"));
    await expect(readConfigFile("c.yaml", "the configuration c.yaml", cwd)).rejects.toMatchObject({
      code: 3,
      message: expect.stringContaining(`the configuration c.yaml ${problem}`),
    });
  });
});
