/** How an image is compressed: what --compress and the configuration say holds for builds and their updates. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectBuilt, newPlace, type Place, put, putEnv } from "../support/builds.ts";
import { manifestOf, python, says, script, siteFile, type } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";

describe("how an image is compressed", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  /** The compression of a prefix's image with its level, as the image itself says; 15 is zstd's own and not said. */
  const compression = (prefix: string): string => {
    const said = says(place, ["unsquashfs", "-s", join(at(prefix), "current", "env.sqfs")]);
    const name = /^Compression (\S+)/m.exec(said)?.[1];
    const level = /compression-level (\d+)/.exec(said)?.[1];
    return [name, level].filter((part) => part !== undefined).join(" ");
  };
  const answers = (prefix: string): string =>
    python(place, join(at(prefix), "bin", "python3"), "import cowsay, sys; print(sys.prefix)");

  beforeAll(() => {
    place = newPlace(ordinary());
    putEnv(place, "python=3.11, cowsay");
  });
  afterAll(() => place[Symbol.dispose]());

  it("is the built-in choice where nothing is said", () => {
    expectBuilt(place, type(place, "conda-containerize new --prefix plain env.yml"));
    expect(compression("plain")).toBe("zstd 3");
    expect(manifestOf(at("plain")).options.compress).toBeUndefined();
    expect(answers("plain")).toBe(at("plain"));
  });

  it("is the option's, which updates keep until they are told otherwise", () => {
    script(place, "more.sh", 'echo more >"$env_root/more"');
    expectBuilt(place, type(place, "conda-containerize new --compress fast --prefix env env.yml"));
    expect(compression("env")).toBe("lz4");
    expect(answers("env")).toBe(at("env"));

    expectBuilt(place, type(place, "conda-containerize update --post-install more.sh env"));
    expect(compression("env")).toBe("lz4");
    expect(manifestOf(at("env")).options.compress).toBe("fast");

    expectBuilt(place, type(place, "conda-containerize update --compress small --post-install more.sh env"));
    expect(compression("env")).toBe("zstd");
    expect(manifestOf(at("env")).options.compress).toBe("small");
    expect(answers("env")).toBe(at("env"));
  });

  it("is the site's where the user says nothing, and not remembered as the user's", () => {
    const env = siteFile(place, { compression_level: "small" });
    put(place, "tool/bin/hello", "#!/bin/sh\necho hello\n", 0o755);
    const wrap = "wrap-install -w bin --prefix";
    expectBuilt(place, type(place, `${wrap} site tool`, { env }));
    expect(compression("site")).toBe("zstd");
    expect(manifestOf(at("site")).options.compress).toBeUndefined();

    expectBuilt(place, type(place, `${wrap} own --compress fast tool`, { env }));
    expect(compression("own")).toBe("lz4");
    expect(says(place, [join(at("own"), "bin", "hello")])).toBe("hello");
  });

  it("gives way to a site's own words for mksquashfs", () => {
    const env = siteFile(place, { sqfs_options: ["-comp", "gzip", "-Xcompression-level", "2"] });
    expectBuilt(place, type(place, "wrap-install -w bin --compress small --prefix words tool", { env }));
    expect(compression("words")).toBe("gzip 2");
  });

  it("is one of three, and another is refused before anything is made", () => {
    const ran = type(place, "conda-containerize new --compress best --prefix none env.yml");
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toContain("fast, default, small");
    expect(existsSync(at("none"))).toBe(false);
  });
});
