import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { firstLine, gone, noneWith } from "../support/programs.ts";
import {
  failedLogs,
  inputFile,
  runTool,
  type StubHost,
  startTool,
  stubHost,
  treeOf,
} from "../support/stub-host.ts";

const fileFor = (host: StubHost, wanted: string) => inputFile(host, "env.yml", `dependencies: [${wanted}]\n`);

describe.each<[string, string, Record<string, string>]>([
  ["installing", "install-hangs", {}],
  ["packing", "hello", { STUB_MKSQUASHFS: "hangs" }],
  ["checking", "check-hangs", {}],
])("a signal while %s", (_step, wanted, stubs) => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)(
    "%s ends every child, leaves nothing but a log, and exits with %d",
    async (signal, exitCode) => {
      const host = await stubHost({ programs: ["micromamba"], stubs });
      const args = ["new", "--prefix", host.prefix, await fileFor(host, wanted)];
      const { child, ended } = startTool(host, "conda-containerize", args);
      const pid = Number(await firstLine(host.pid));
      child.kill(signal);
      const ran = await ended;
      expect(ran).toMatchObject({ exitCode, signal: null });
      expect(ran.stderr).toContain(`[ ERROR ] Interrupted by ${signal}\n`);
      await gone(pid);
      await noneWith(host.log);
      expect(existsSync(host.prefix)).toBe(false);
      expect(await readdir(host.work)).toEqual([]);
      expect(await failedLogs(host)).toHaveLength(1);
    },
  );
});

describe("an interrupted build on a prefix that is an environment", () => {
  it("leaves it as it was, also when the key is pressed twice", async () => {
    const good = await stubHost({ programs: ["micromamba"] });
    await runTool(good, "conda-containerize", ["new", "--prefix", good.prefix, await fileFor(good, "hello")]);
    const before = await treeOf(good.prefix, [".kapseli.lock"]);
    const host = await stubHost({ programs: ["micromamba"], stubs: { STUB_MKSQUASHFS: "hangs" } });
    const args = ["new", "--prefix", good.prefix, await fileFor(host, "hello")];
    const { child, ended } = startTool(host, "conda-containerize", args);
    const pid = Number(await firstLine(host.pid));
    child.kill("SIGINT");
    child.kill("SIGINT");
    expect((await ended).exitCode).toBe(130);
    await gone(pid);
    expect(await treeOf(good.prefix, [".kapseli.lock"])).toEqual(before);
    expect(await readdir(good.prefix)).not.toContain(".kapseli.lock");
  });
});
