import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  build,
  call,
  emptyCache,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  newPlace,
  type Place,
  put,
} from "../support/builds.ts";
import { serveChannel } from "../support/channel-server.ts";
import { ordinary, remove, runAs, scratch, testUsers } from "../support/real.ts";

let place: Place;
beforeAll(() => {
  place = newPlace(ordinary());
});
afterAll(() => place?.[Symbol.dispose]());

let number = 0;
/** Builds over a channel with faults. */
async function faulty(faults: readonly string[], engine = "rattler") {
  const server = await serveChannel({ faults });
  try {
    number += 1;
    put(
      place,
      "env.yml",
      `channels: [${server.url}, nodefaults]\ndependencies: [kapseli-versions=2.0, kapseli-postlink]\n`,
    );
    const prefix = join(place.directory, `env-${number}`);
    const args = ["--engine", engine, "--prefix", prefix, "env.yml"];
    const ran = build(place, "conda-containerize", args, { env: emptyCache(place, `cache-${number}`) });
    return { ran, prefix, server };
  } finally {
    await server.stop();
  }
}

describe("a channel", () => {
  it("that cannot be reached is named", () => {
    // Port 1 is closed everywhere.
    put(
      place,
      "closed.yml",
      "channels: [http://127.0.0.1:1/somewhere, nodefaults]\ndependencies: [python]\n",
    );
    const args = ["--engine", "rattler", "--prefix", "closed", "closed.yml"];
    const refused = build(place, "conda-containerize", args, {
      env: emptyCache(place, "cache-closed"),
    });
    expectRefused(refused, 5, "a channel could not be read", "127.0.0.1:1/somewhere", "HTTPS_PROXY");
    expectNothingLeft(place, join(place.directory, "closed"));
  });

  it("that is not there is named", () => {
    put(place, "missing.yml", "channels: [file:///nowhere/channel, nodefaults]\ndependencies: [python]\n");
    const refused = build(place, "conda-containerize", [
      "--engine",
      "rattler",
      "--prefix",
      "missing",
      "missing.yml",
    ]);
    expectRefused(refused, 5, "a channel could not be read", "/nowhere/channel");
    expectNothingLeft(place, join(place.directory, "missing"));
  });

  it.each([
    ["answers with an error", "*/repodata.json*=status:503"],
    ["breaks off in its index", "*/repodata.json*=truncate:200"],
  ])("that %s is named", async (_what, fault) => {
    const { ran, prefix, server } = await faulty([fault]);
    expectRefused(ran, 5, "a channel could not be read", server.address);
    expectNothingLeft(place, prefix);
  });

  it.each([
    ["breaks off in the middle of a package", "*/kapseli-postlink*=truncate:200", "could not be downloaded"],
    [
      "resets the connection in the middle of a package",
      "*/kapseli-postlink*=reset:200",
      "could not be downloaded",
    ],
    ["sends another package than its index says", "*/kapseli-postlink*=corrupt", "does not have the hash"],
    ["does not have a package of its index", "*/kapseli-postlink*=status:404", "could not be downloaded"],
  ])("that %s leaves no environment, and the package is named", async (_what, fault, says) => {
    const { ran, prefix } = await faulty([fault]);
    expectRefused(ran, 5, `a package ${says}`, "kapseli-postlink");
    expectNothingLeft(place, prefix);
  });

  it("whose connection is cut once is asked again", async () => {
    const { ran, prefix, server } = await faulty(["*/kapseli-postlink*=reset:200*1"]);
    expectBuilt(place, ran);
    expect(call(place, [join(prefix, "bin/kapseli-postlink")]).stdout).toBe(`${prefix}\n`);
    expect(server.url).toContain("127.0.0.1");
  });
});

describe("a package index", () => {
  // Beside the place: what serves it is no process of a build.
  let index = "";
  beforeAll(() => {
    index = scratch(place.user);
    // uv itself is not to come from the index that is broken.
    put(place, "good.txt", "cowsay\n");
    expectBuilt(place, build(place, "pip-containerize", ["--uv", "--prefix", "good", "good.txt"]));
  });
  afterAll(() => remove(index));

  const INDEX = {
    PIP_INDEX_URL: "http://127.0.0.1:1/simple",
    UV_INDEX_URL: "http://127.0.0.1:1/simple",
    PIP_RETRIES: "1",
    UV_HTTP_RETRIES: "0",
    PIP_FIND_LINKS: "",
    PIP_NO_INDEX: "",
  };

  it.each([["pip"], ["uv"]])("that cannot be reached is said to %s's user", (engine) => {
    const flags = engine === "uv" ? ["--uv"] : [];
    put(place, "requirements.txt", "cowsay\n");
    const refused = build(place, "pip-containerize", [...flags, "--prefix", "index", "requirements.txt"], {
      env: {
        ...INDEX,
        KAPSELI_CACHE: emptyCache(place, `cache-index-${engine}`).KAPSELI_CACHE,
        UV_CACHE_DIR: put(place, "uv-cache"),
      },
    });
    expectRefused(refused, 5, "the package index could not be reached", "HTTPS_PROXY");
    expectNothingLeft(place, join(place.directory, "index"));
  });

  it.each([
    ["pip", "truncate:2000"],
    ["pip", "reset:2000"],
    ["uv", "truncate:2000"],
    ["uv", "reset:2000"],
  ])("that breaks off in the middle of a package is said to %s's user (%s)", async (engine, fault) => {
    // What uv puts into every new venv comes from the index, too.
    for (const name of ["cowsay", "pip", "setuptools", "wheel", "packaging"]) {
      const wheels = join(index, "simple", name);
      mkdirSync(wheels, { recursive: true });
      if (readdirSync(wheels).length > 0) continue;
      const loaded = runAs(testUsers().at(-1) ?? place.user, [
        "python3",
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "-d",
        wheels,
        name,
      ]);
      expect(loaded.exitCode, loaded.stderr).toBe(0);
    }
    const server = await serveChannel({ directory: index, faults: [`*cowsay*.whl=${fault}`] });
    try {
      put(place, "requirements.txt", "cowsay\n");
      const address = {
        PIP_INDEX_URL: `${server.url}/simple`,
        UV_INDEX_URL: `${server.url}/simple`,
        PIP_NO_CACHE_DIR: "1",
      };
      const flags = engine === "uv" ? ["--uv"] : [];
      const refused = build(place, "pip-containerize", [...flags, "--prefix", "index", "requirements.txt"], {
        env: { ...INDEX, ...address, UV_CACHE_DIR: put(place, `uv-${fault.replace(/\W/g, "")}`) },
      });
      expectRefused(refused, 5, /damaged or incomplete|could not be reached/, "index");
      expectNothingLeft(place, join(place.directory, "index"));
    } finally {
      await server.stop();
    }
  });
});
