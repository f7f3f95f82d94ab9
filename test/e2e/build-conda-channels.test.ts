import { readFileSync } from "node:fs";
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
import { type ChannelServer, serveChannel } from "../support/channel-server.ts";
import { channelUrl, ordinary, runAs } from "../support/real.ts";

const USER = "reader";
const PASSWORD = "s3cr3t-p%40ss";

describe("channels", () => {
  let place: Place;
  let server: ChannelServer;
  beforeAll(async () => {
    place = newPlace(ordinary());
    server = await serveChannel({ basicAuth: `${USER}:${decodeURIComponent(PASSWORD)}` });
  });
  afterAll(async () => {
    await server?.stop();
    place?.[Symbol.dispose]();
  });

  it("are read over HTTP with the credentials in their URL, which appear nowhere afterwards", () => {
    const url = `http://${USER}:${PASSWORD}@${server.address}`;
    put(place, "env.yml", `channels: [${url}, nodefaults]\ndependencies: [kapseli-versions=2.0]\n`);
    const built = build(place, "conda-containerize", ["--prefix", "http", "--engine", "rattler", "env.yml"], {
      env: { CW_LOG_LEVEL: "3", ...emptyCache(place, "cache-http") },
    });
    expectBuilt(place, built);
    expect(call(place, [join(place.directory, "http/bin/kapseli-versions")]).stdout).toBe("2.0\n");
    expect(server.requests()).toContainEqual(expect.stringMatching(/GET .*kapseli-versions-2\.0.* 200/));

    const generation = join(place.directory, "http/generations/1");
    const read = (name: string): string => readFileSync(join(generation, name), "utf8");
    const texts: Record<string, string> = {
      stdout: built.stdout,
      stderr: built.stderr,
      manifest: read("manifest.json"),
      lock: read("environment.lock"),
      log: read("build.log"),
      launcher: read("launcher.sh"),
      // Everything in the image that is text.
      image: call(place, [
        join(place.directory, "http/bin/_debug_exec"),
        "grep",
        "-rIl",
        "s3cr3t",
        join(place.directory, "http"),
      ]).stdout,
    };
    const holding = Object.keys(texts).filter((name) => /s3cr3t|p@ss/.test(texts[name] ?? ""));
    expect(holding).toEqual([]);
    expect(texts.lock).toContain(server.address);
    expect(texts.image).toBe("");
  });

  it("are asked with wrong credentials: the build fails and says which channel, without the password", () => {
    put(
      place,
      "wrong.yml",
      `channels: ["http://${USER}:wr0ng@${server.address}", nodefaults]\ndependencies: [kapseli-versions]\n`,
    );
    const built = build(
      place,
      "conda-containerize",
      ["--prefix", "wrong", "--engine", "rattler", "wrong.yml"],
      {
        env: emptyCache(place, "cache-wrong"),
      },
    );
    expect(built.exitCode).toBe(5);
    expect(built.stderr).toContain("a channel refuses these credentials");
    expect(built.stderr).toContain(server.address);
    expect(built.stderr + built.stdout).not.toContain("wr0ng");
  });
});

describe("lists", () => {
  let place: Place;
  let lock = "";
  const prefix = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
    put(
      place,
      "specs.txt",
      `# a plain list\nkapseli-binary-prefix\nkapseli-postlink\nkapseli-versions=1.0\n`,
    );
    const built = build(
      place,
      "conda-containerize",
      ["--prefix", "first", "--engine", "rattler", "specs.txt"],
      {
        env: { CONDA_CHANNELS: channelUrl() },
      },
    );
    expectBuilt(place, built);
    lock = readFileSync(join(prefix("first"), "current/environment.lock"), "utf8");
  });
  afterAll(() => place?.[Symbol.dispose]());

  const works = (name: string): void => {
    expect(call(place, [join(prefix(name), "bin/kapseli-binary-prefix")]).stdout).toContain(prefix(name));
    expect(call(place, [join(prefix(name), "bin/kapseli-postlink")]).stdout).toBe(`${prefix(name)}\n`);
    expect(call(place, [join(prefix(name), "bin/kapseli-only-in-1")]).stdout).toBe("1.0\n");
  };

  it("of specifications are solved with the channels of CONDA_CHANNELS", () => {
    works("first");
    expect(lock).toMatch(/kapseli-versions-1\.0-.*\.tar\.bz2#sha256:[0-9a-f]{64}\n/);
    expect(lock).toMatch(/kapseli-postlink-1\.0-.*\.conda#sha256:[0-9a-f]{64}\n/);
  });

  it("of exact packages, as environment.lock is one, give the same packages again", () => {
    put(place, "explicit.txt", lock);
    expectBuilt(
      place,
      build(place, "conda-containerize", ["--prefix", "again", "--engine", "rattler", "explicit.txt"]),
    );
    works("again");
    expect(readFileSync(join(prefix("again"), "current/environment.lock"), "utf8")).toBe(lock);
  });

  it("of exact packages are taken with md5 hashes, as older locks have them, over HTTP", async () => {
    const server = await serveChannel();
    try {
      const lines = lock.split("\n").map((line) => {
        const file = /^file:\/\/([^#]*)/.exec(line)?.[1];
        if (!file) return line;
        const hash = runAs(ordinary(), ["md5sum", file]).stdout.split(" ")[0];
        return `${line.replace(channelUrl(), server.url).replace(/#.*/, "")}#${hash}`;
      });
      put(place, "md5.txt", lines.join("\n"));
      const env = emptyCache(place, "cache-md5");
      const args = ["--prefix", "md5", "--engine", "rattler", "md5.txt"];
      expectBuilt(place, build(place, "conda-containerize", args, { env }));
      works("md5");
      expect(server.requests().filter((line) => line.includes("repodata"))).toEqual([]);
    } finally {
      await server.stop();
    }
  });

  it("with a wrong hash are refused, whichever way the package comes, and nothing is left", async () => {
    const server = await serveChannel();
    try {
      const wrong = lock.replace(/(kapseli-postlink.*#sha256:)[0-9a-f]{64}/, `$1${"0".repeat(64)}`);
      for (const [name, text] of [
        ["file", wrong],
        ["http", wrong.replaceAll(channelUrl(), server.url)],
      ] as const) {
        const env = emptyCache(place, `cache-${name}`);
        // In the cache they are, and right.
        put(place, `right-${name}.txt`, name === "http" ? lock.replaceAll(channelUrl(), server.url) : lock);
        const right = ["--prefix", `right-${name}`, "--engine", "rattler", `right-${name}.txt`];
        expectBuilt(place, build(place, "conda-containerize", right, { env }));
        put(place, `${name}.txt`, text);
        const args = ["--prefix", name, "--engine", "rattler", `${name}.txt`];
        for (const _try of ["first", "second"]) {
          const ran = build(place, "conda-containerize", args, { env });
          expectRefused(
            ran,
            5,
            "a package does not have the hash that its list or channel gives",
            "kapseli-postlink",
          );
          expectNothingLeft(place, prefix(name));
        }
      }
    } finally {
      await server.stop();
    }
  });

  it("for another platform are refused before anything is downloaded", () => {
    put(place, "osx.txt", lock.replace("linux-64", "osx-arm64").replaceAll("/linux-64/", "/osx-arm64/"));
    const ran = build(place, "conda-containerize", ["--prefix", "osx", "osx.txt"]);
    expectRefused(ran, 3, "osx-arm64", "osx.txt");
    expectNothingLeft(place, prefix("osx"));
  });
});
