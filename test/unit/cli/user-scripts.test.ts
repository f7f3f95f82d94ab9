import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hookScripts, runTimeExtras } from "../../../src/cli/user-scripts.ts";
import type { Config } from "../../../src/config/keys.ts";
import { resolveConfig } from "../../../src/config/resolve.ts";
import { scratch } from "../../support/programs.ts";

function configOf(yaml: string, cwd = "/"): Config {
  const user = { file: "/u/my.yaml", text: yaml };
  return resolveConfig({ environment: {}, home: "/u", cwd, flags: {}, user }).config;
}

describe("the scripts of a build", () => {
  it("are files, and lines of the configuration as they are, in their order", async () => {
    const at = await scratch();
    const file = join(at, "a b.sh");
    await writeFile(file, "echo $HOME\n");
    const config = configOf(
      `log_level: 2\npost_install:\n  - echo "$X" $(id)\n  - file: ${file}\n  - 'true'\n`,
    );
    const scripts = await hookScripts(config, "post_install");
    expect(scripts.map(({ text }) => text)).toEqual(['echo "$X" $(id)\n', "echo $HOME\n", "true\n"]);
    expect(scripts[1]?.shown).toBe(file);
    expect(await hookScripts(config, "pre_install")).toEqual([]);
  });

  it("are read from a pipe, once", async () => {
    const at = await scratch();
    const fifo = join(at, "fifo");
    execFileSync("mkfifo", [fifo]);
    const read = hookScripts(configOf(`pre_install: [{file: ${fifo}}]\n`), "pre_install");
    await writeFile(fifo, "echo once\n");
    expect((await read).map(({ text }) => text)).toEqual(["echo once\n"]);
  });

  it.each([
    ["is not there", undefined, "does not exist"],
    ["is no UTF-8", Buffer.from([0x65, 0xff, 0x0a]), "is no text in UTF-8"],
    ["holds a NUL", Buffer.from("a\0b"), "is no text in UTF-8"],
  ])("that %s are refused by name", async (_what, content, message) => {
    const file = join(await scratch(), "x.sh");
    if (content !== undefined) await writeFile(file, content);
    await expect(
      hookScripts(configOf(`post_install: [{file: ${file}}]\n`), "post_install"),
    ).rejects.toMatchObject({
      code: 3,
      message: `The file ${file} ${message}`,
    });
  });
});

describe("what is set at each start", () => {
  it("is variables and the texts of files, joined", async () => {
    const at = await scratch();
    for (const name of ["one", "two"]) await writeFile(join(at, name), `export ${name}=1\n`);
    const extras = await runTimeExtras(
      configOf(
        `extra_envs: [{file: ${at}/one}, {name: A, value: "$B", type: append}, {file: ${at}/two}, {name: C, value: c, type: other}]\n`,
      ),
    );
    expect(extras.environ).toBe("export one=1\n\nexport two=1\n");
    expect(extras.extra).toEqual([
      { name: "A", value: "$B", type: "append" },
      { name: "C", value: "c", type: "prepend" },
    ]);
  });

  it("is nothing without extra_envs", async () => {
    expect(await runTimeExtras(configOf("log_level: 2\n"))).toEqual({ extra: [], environ: undefined });
  });
});
