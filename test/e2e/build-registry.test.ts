import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { smallTree } from "../support/base-image.ts";
import {
  build,
  call,
  emptyCache,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  newPlace,
  type Place,
  putEnv,
} from "../support/builds.ts";
import { ordinary, runAs } from "../support/real.ts";
import { type Registry, startRegistry } from "../support/registry.ts";

describe("a base from a registry", () => {
  let place: Place;
  let registry: Registry;
  let sif = "";
  let env: Record<string, string>;
  beforeAll(() => {
    place = newPlace(ordinary());
    registry = startRegistry();
    putEnv(place, "kapseli-binary-prefix, kapseli-postlink");
    sif = join(place.directory, "small.sif");
    const made = runAs(place.user, ["apptainer", "-s", "build", sif, smallTree(place, "tree", "0")], {
      env: { APPTAINER_TMPDIR: place.temporary },
    });
    expect(made.exitCode, made.stderr).toBe(0);
    env = { APPTAINER_NOHTTPS: "1", ...emptyCache(place, "cache") };
  });
  afterAll(() => {
    registry?.stop();
    place?.[Symbol.dispose]();
  });

  const over = (uri: string, prefix: string) =>
    build(
      place,
      "conda-containerize",
      ["--engine", "rattler", "--base", uri, "--prefix", prefix, "env.yml"],
      { env },
    );
  const base = (prefix: string) =>
    JSON.parse(readFileSync(join(place.directory, prefix, "current/manifest.json"), "utf8")).base;
  const release = (prefix: string): string =>
    call(place, [join(place.directory, prefix, "bin/_debug_exec"), "cat", "/etc/kapseli-release"]).stdout;

  it("as docker:// is pulled, recorded by digest, and not fetched again; a moved tag gives the new image", () => {
    const uri = registry.push(smallTree(place, "tree-1", "1"), "base/debian:stable");
    expectBuilt(place, over(uri, "docker"));
    expect(base("docker")).toMatchObject({
      kind: "image",
      source: uri,
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    expect(release("docker")).toBe("1\n");
    expect(call(place, [join(place.directory, "docker/bin/kapseli-postlink")]).stdout).toBe(
      `${place.directory}/docker\n`,
    );
    const fetched = registry.fetchedBlobs().length;
    expect(fetched).toBeGreaterThan(0);

    expectBuilt(place, over(uri, "docker-again"));
    // The image's configuration may be looked at again; its layers are not.
    const layers = new Set(registry.fetchedBlobs().slice(0, fetched));
    const again = registry.fetchedBlobs().slice(fetched);
    expect(again.length).toBeLessThan(layers.size);
    expect(base("docker-again").digest).toBe(base("docker").digest);

    expect(registry.push(smallTree(place, "tree-2", "2"), "base/debian:stable")).toBe(uri);
    expectBuilt(place, over(uri, "docker-moved"));
    expect(release("docker-moved")).toBe("2\n");
    expect(base("docker-moved").digest).not.toBe(base("docker").digest);
    // What was built over the old image stays with it.
    expect(release("docker")).toBe("1\n");
  });

  it("as oras:// is pulled and runs, and is not fetched again", () => {
    const uri = registry.pushSif(sif, "sif/debian:1");
    expectBuilt(place, over(uri, "oras"));
    expect(base("oras")).toMatchObject({ kind: "image", source: uri });
    expect(call(place, [join(place.directory, "oras/bin/kapseli-binary-prefix")]).stdout).toContain("oras");
    const fetched = registry.fetchedBlobs().length;
    expectBuilt(place, over(uri, "oras-again"));
    expect(registry.fetchedBlobs()).toHaveLength(fetched);
  });

  it("that has no such image is refused with its name and what to check", () => {
    const refused = over(`docker://${registry.address}/base/missing:1`, "missing");
    expectRefused(refused, 4, `docker://${registry.address}/base/missing:1`, "name and tag");
    expectNothingLeft(place, join(place.directory, "missing"));
  });
});
