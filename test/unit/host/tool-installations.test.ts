import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { toolInstallationsOnPath } from "../../../src/host/tool-installations.ts";
import { scratch } from "../../support/programs.ts";

async function installation(...names: string[]): Promise<string> {
  const at = join(await scratch(), "with space");
  await mkdir(at);
  for (const name of names)
    await (name === "common.sh" ? writeFile(join(at, name), "") : mkdir(join(at, name)));
  return at;
}

describe("installations on PATH", () => {
  it("are those beside whose directory lie bin, _bin and common.sh; each is named once", async () => {
    const bin = join(await installation("bin", "_bin", "common.sh"), "bin");
    expect(toolInstallationsOnPath(`/usr/bin:${bin}::${bin}`)).toEqual([bin]);
  });

  it.each([[["bin", "_bin"]], [["bin", "common.sh"]], [["_bin", "common.sh"]]])(
    "are none with %j alone",
    async (names) => {
      expect(toolInstallationsOnPath(join(await installation(...names), "bin"))).toEqual([]);
    },
  );

  it("are not looked for in relative entries, nor without a PATH", () => {
    expect(toolInstallationsOnPath("bin:.:")).toEqual([]);
    expect(toolInstallationsOnPath(undefined)).toEqual([]);
  });
});
