import { existsSync } from "node:fs";
import { readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { containersOf, inputFile, runTool, stubHost } from "../support/stub-host.ts";

/** What a base says that has a system of its own and something in /srv. */
const STUB_IMAGE = "top bin\ntop usr\ntop etc\ntop srv\ntop proc\nglibc 2.31\n";

async function built(base: (sif: string) => string) {
  const host = await stubHost({ programs: ["micromamba"], stubs: { STUB_IMAGE } });
  const sif = await inputFile(host, "base.sif", "SIF");
  const file = await inputFile(host, "env.yml", "dependencies: [hello]\n");
  const args = ["new", "--prefix", host.prefix, "--base", base(sif), file];
  const ran = await runTool(host, "conda-containerize", args);
  return { host, sif, ran };
}

describe("an environment over an image", () => {
  it("has the image in its generation, and a link by the name that Tykky's users know", async () => {
    const { host, ran } = await built((sif) => sif);
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await readlink(join(host.prefix, "container.sif"))).toBe("current/base.sif");
    expect(await readFile(join(host.prefix, "container.sif"), "utf8")).toBe("SIF");
    expect(existsSync(join(host.prefix, "current", "root"))).toBe(false);
  });

  it("binds no host directory over what the image has", async () => {
    const { host } = await built((sif) => sif);
    const starts = containersOf(host).slice(1);
    expect(starts.length).toBeGreaterThan(4);
    for (const { argv } of starts) {
      const at = argv.indexOf("-B");
      const bound = at < 0 ? [] : (argv[at + 1] ?? "").split(",");
      expect(bound).toContain("/home");
      for (const name of ["/usr", "/etc", "/srv", "/bin", "/proc"]) expect(bound).not.toContain(name);
    }
  });

  it("that was pulled is kept in the cache by its digest", async () => {
    const { host, ran } = await built(() => "docker://host/x:1");
    expect(ran.exitCode).toBe(0);
    const manifest = JSON.parse(await readFile(join(host.prefix, "current", "manifest.json"), "utf8"));
    expect(manifest.base).toMatchObject({
      kind: "image",
      source: "docker://host/x:1",
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    const kept = join(host.directory, "cache", "bases", `${manifest.base.digest.replace(":", "-")}.sif`);
    expect(await readFile(kept, "utf8")).toBe("image of docker://host/x:1\n");
  });

  it("is not read again by an update: what was recorded of it holds while its size does", async () => {
    const { host } = await built((sif) => sif);
    const current = join(host.prefix, "current");
    const read = async () => JSON.parse(await readFile(join(current, "manifest.json"), "utf8"));
    const before = await read();
    expect(before.base).toMatchObject({ size: 3, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    const recorded = `sha256:${"0".repeat(64)}`;
    const marked = { ...before, base: { ...before.base, digest: recorded } };
    await writeFile(join(current, "manifest.json"), JSON.stringify(marked));
    const update = () => runTool(host, "conda-containerize", ["update", "-w", "bin", host.prefix]);
    expect(await update()).toMatchObject({ exitCode: 0 });
    expect((await read()).base).toMatchObject({ size: 3, digest: recorded });
    await writeFile(join(current, "base.sif"), "another");
    expect(await update()).toMatchObject({ exitCode: 0 });
    expect((await read()).base).toMatchObject({
      size: 7,
      digest: expect.not.stringContaining("0".repeat(64)),
    });
  });
});
