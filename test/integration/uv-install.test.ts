/** templates/uv_install.py, with a uv that "installs" from a directory which is its cache. */
import { spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import uvInstaller from "../../src/templates/uv_install.py";
import { scratch } from "../support/programs.ts";

/** `uv pip install` copies what is in the cache; `uv cache clean` brings what is published into the cache. */
const UV = `#!/bin/sh
here=\${0%/*}
echo "$*" >> "$here/words"
case $1 in
cache) cp "$here/published/"* "$here/cache/" ;;
pip)
    site=$(echo "$here"/root/lib/python*/site-packages)
    rm -rf "$site/moo-1.dist-info" && mkdir -p "$site/moo-1.dist-info"
    cp "$here/cache/moo.py" "$site/moo.py"
    cp "$here/cache/RECORD" "$site/moo-1.dist-info/RECORD" ;;
esac
`;

/** Of "print('moo')\n". */
const RECORD =
  "moo.py,sha256=JKYI1vPEnduAEy_iRT7i2g-P3QIj-aT22VzWN1AK2P0,13\nmoo-1.dist-info/RECORD,,\nother.txt,,\n";

async function place(files: { cached: string; published?: string; record?: string }) {
  const directory = await scratch();
  const at = (name: string): string => join(directory, name);
  const site = at("root/lib/python3.99/site-packages");
  for (const made of ["cache", "published", "root/bin"]) await mkdir(at(made), { recursive: true });
  await mkdir(join(site, "old-1.dist-info"), { recursive: true });
  // What was there before is no work of this run.
  await writeFile(join(site, "old-1.dist-info", "RECORD"), "gone.py,sha256=AAAA,1\n");
  const record = files.record ?? RECORD;
  for (const [where, text] of Object.entries({ cache: files.cached, published: files.published ?? MOO })) {
    await writeFile(at(`${where}/moo.py`), text);
    await writeFile(at(`${where}/RECORD`), record);
  }
  await writeFile(at("uv"), UV);
  await chmod(at("uv"), 0o755);
  await writeFile(at("uv_install.py"), uvInstaller);
  const argv = ["-I", "-S", at("uv_install.py"), at("uv"), at("root"), "r.txt"];
  const { status, stdout, stderr } = spawnSync("python3", argv, { encoding: "utf8" });
  expect(stderr).toBe("");
  const words = (await readFile(at("words"), "utf8")).trimEnd().split("\n");
  expect(await readdir(site)).toContain("moo.py");
  return { status, stdout, words, installed: await readFile(join(site, "moo.py"), "utf8") };
}

const MOO = "print('moo')\n";

describe("what uv installs from its cache", () => {
  it("stays as it is where every file is what its package says", async () => {
    const { status, stdout, words } = await place({ cached: MOO });
    expect([status, stdout]).toEqual([0, ""]);
    expect(words).toHaveLength(1);
  });

  it.each([
    ["changed", "print('mou')\n"],
    ["cut off", "print("],
  ])("is fetched anew where a file was %s, with a warning", async (_how, cached) => {
    const { status, stdout, words, installed } = await place({ cached });
    expect(stdout).toMatch(/^kapseli: warning: damaged in uv's cache, fetched anew: moo \(.*\/moo\.py\)\n$/);
    expect([status, installed]).toEqual([0, MOO]);
    expect(words[1]).toBe("cache clean moo");
    expect(words[2]).toMatch(/^pip install .* -r r\.txt --reinstall-package moo$/);
  });

  it("is an error where it comes damaged again, and otherwise", async () => {
    const { status, stdout } = await place({ cached: "print('mou')\n", published: "print('mxx')\n" });
    expect(status).toBe(1);
    expect(stdout).toMatch(/^error: files are not what their packages say/m);
  });

  it("is what its author published where only the package's list is wrong, with a warning", async () => {
    const { status, stdout } = await place({ cached: MOO, record: RECORD.replace("JKY", "AAA") });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^kapseli: warning: the package's own list of files is wrong: .*\/moo\.py$/m);
  });

  it("counts as damaged where the list cannot be read as one", async () => {
    const { status, words } = await place({ cached: MOO, record: `"${"x".repeat(140_000)}` });
    expect(status).toBe(0);
    expect(words[1]).toBe("cache clean moo");
  });
});
