import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readConfigFile, readSiteFile } from "../../../src/host/input-file.ts";
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

describe("a file that is no configuration", () => {
  it.each<[string, (path: string) => Promise<unknown>, string]>([
    ["a directory", (path) => mkdir(path), "is a directory"],
    ["binary", (path) => writeFile(path, Buffer.from([0xff, 0xfe, 0x00])), "is no UTF-8 text"],
    ["huge", (path) => writeFile(path, Buffer.alloc(5 * 1024 * 1024)), "is larger than any configuration"],
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
