import { existsSync } from "node:fs";
import { mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeOwner } from "../../src/host/owner-record.ts";
import { ownIdentity, type ProcessIdentity } from "../../src/host/proc-stat.ts";
import { runTool, type StubHost, stubHost, treeOf } from "../support/stub-host.ts";

const own = ownIdentity(hostname());

/** A host with one work directory that was left, one of a build that runs if wanted, and a cache. */
async function lived(running: boolean): Promise<StubHost> {
  const host = await stubHost();
  const leave = async (name: string, owner: ProcessIdentity | undefined) => {
    await mkdir(join(host.work, name, "tree"), { recursive: true });
    await writeFile(join(host.work, name, "tree", "file"), Buffer.alloc(500_000));
    if (owner) await writeOwner(join(host.work, name, "owner"), owner);
  };
  await leave("cw-DEAD00", { ...own, boot: "another" });
  await leave("cw-FAR000", { ...own, host: "another" });
  await leave("cw-KEPT00", undefined);
  await leave("data", { ...own, boot: "another" });
  if (running) await leave("cw-ALIVE0", own);
  const cache = host.env.KAPSELI_CACHE ?? "";
  await mkdir(join(cache, "rattler", "pkgs"), { recursive: true });
  await writeFile(join(cache, "rattler", "pkgs", "file"), Buffer.alloc(300_000));
  await mkdir(join(host.directory, "elsewhere"));
  await symlink(join(host.directory, "elsewhere"), join(cache, "link"));
  return host;
}

const clean = (host: StubHost, ...args: string[]) =>
  runTool(host, "kapseli", ["clean", "work", "caches", ...args]);
const itemsOf = (printed: string) => {
  const { items } = JSON.parse(printed) as {
    items: { path: string; removable: boolean; why: string; bytes: number }[];
  };
  return Object.fromEntries(items.map((item) => [item.path.split("/").at(-1), item]));
};

describe("kapseli clean", () => {
  it("shows what can go and what stays, with sizes, and touches nothing unasked", async () => {
    const host = await lived(false);
    const before = await treeOf(host.directory);
    const shown = await clean(host, "--dry-run", "--json");
    expect(shown.exitCode, shown.stderr).toBe(0);
    expect(JSON.parse(shown.stdout)).toMatchObject({ schema: "kapseli.clean/1", dryRun: true, removed: [] });
    const items = itemsOf(shown.stdout);
    expect(items).toMatchObject({
      "cw-DEAD00": { removable: true, why: expect.stringContaining("killed") },
      "cw-FAR000": { removable: false, why: expect.stringContaining("another") },
      "cw-KEPT00": { removable: false, why: expect.stringContaining("CW_DEBUG_KEEP_FILES") },
      rattler: { removable: true },
      link: { removable: false },
    });
    expect(Object.keys(items)).not.toContain("data");
    expect(items["cw-DEAD00"]?.bytes).toBeGreaterThanOrEqual(500_000);
    const unasked = await clean(host);
    expect(unasked).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("nobody is there to ask") });
    expect(unasked.stdout).toMatch(/^remove +\d+ kB +\S+cw-DEAD00 +left by a build that was killed$/m);
    expect(await treeOf(host.directory)).toEqual(before);
  });

  it("removes that when it is told to, and nothing else", async () => {
    const host = await lived(false);
    const ran = await clean(host, "--yes");
    expect(ran.exitCode, ran.stderr).toBe(0);
    expect((await readdir(host.work)).sort()).toEqual(["cw-FAR000", "cw-KEPT00", "data"]);
    expect(await readdir(host.env.KAPSELI_CACHE ?? "")).toEqual(["link"]);
    expect(existsSync(join(host.directory, "elsewhere"))).toBe(true);
    const again = await clean(host, "--yes");
    expect(again.exitCode).toBe(0);
    for (const place of [host.work, host.env.KAPSELI_CACHE]) {
      expect(again.stdout).not.toMatch(new RegExp(`^remove .*${place}`, "m"));
    }
  });

  it("keeps what a build of yours works with", async () => {
    const host = await lived(true);
    const ran = await clean(host, "--yes", "--json");
    expect(itemsOf(ran.stdout)).toMatchObject({
      "cw-ALIVE0": { removable: false, why: `process ${process.pid} works there` },
      rattler: { removable: false, why: `in use: process ${process.pid} builds` },
    });
    expect((await readdir(host.work)).sort()).toEqual(["cw-ALIVE0", "cw-FAR000", "cw-KEPT00", "data"]);
    expect(await readdir(host.env.KAPSELI_CACHE ?? "")).toContain("rattler");
  });
});
