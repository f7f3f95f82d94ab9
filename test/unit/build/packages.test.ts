import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { readInstalled } from "../../../src/build/packages.ts";
import { scratch } from "../../support/programs.ts";

const SHA = "ab".repeat(32);
const MD5 = "cd".repeat(16);
const URL = "https://user:pass@host/c/linux-64/a-1-0.conda";
const PUBLIC = "https://host/c/linux-64/a-1-0.conda";

let tree = "";
beforeEach(async () => {
  tree = await scratch();
});

const put = async (path: string, text: string): Promise<string> => {
  const file = join(tree, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
};
const dist = async (name: string, version: string, direct?: object): Promise<void> => {
  const directory = `lib/python3.11/site-packages/${name}-${version}.dist-info`;
  await put(`${directory}/METADATA`, `Name: ${name}\nVersion: ${version}\n\ntext\n`);
  if (direct) await put(`${directory}/direct_url.json`, JSON.stringify(direct));
};
const lock = async (...reports: string[]): Promise<string[]> =>
  (await readInstalled(tree, "linux-64", reports)).lock.trimEnd().split("\n");

describe("environment.lock", () => {
  it.each([
    ["sha256, also where there is an md5", { sha256: SHA, md5: MD5 }, `${PUBLIC}#sha256:${SHA}`],
    ["md5, where there is no sha256", { md5: MD5 }, `${PUBLIC}#${MD5}`],
    ["none, where there is none", {}, PUBLIC],
  ])("names a conda package with its hash: %s", async (_what, hashes, line) => {
    const record = { name: "a", version: "1", build: "0", url: URL, ...hashes };
    await put("conda-meta/a-1-0.json", JSON.stringify(record));
    expect(await lock()).toEqual(["# platform: linux-64", "@EXPLICIT", line]);
  });

  it("has the hashes that pip reported, in either form, for what is still there in that version", async () => {
    const item = (name: string, version: string, archive_info: object) => ({
      metadata: { name, version },
      download_info: { archive_info },
    });
    await dist("My_Pkg", "1");
    await dist("changed", "2");
    await dist("direct", "1", { url: "https://u:p@host/direct-1.whl", archive_info: {} });
    await dist("local", "1", { url: "file:///src/local", dir_info: {} });
    const first = await put(
      "first.json",
      JSON.stringify({
        install: [
          item("my-pkg", "1", { hashes: { sha256: SHA } }),
          item("changed", "1", { hashes: { sha256: SHA } }),
        ],
      }),
    );
    const second = await put(
      "second.json",
      JSON.stringify({
        install: [
          item("direct", "1", { hash: `sha256=${SHA}` }),
          { metadata: { name: "local", version: "1" } },
        ],
      }),
    );
    expect(await lock(first, second, join(tree, "missing.json"))).toEqual([
      "# pip",
      `My_Pkg==1 --hash=sha256:${SHA}`,
      "changed==2",
      `direct @ https://host/direct-1.whl --hash=sha256:${SHA}`,
      "local @ file:///src/local",
    ]);
  });
});
