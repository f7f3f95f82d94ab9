import { chmodSync, existsSync, lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debian12 } from "../support/base-image.ts";
import {
  build,
  call,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  newPlace,
  type Place,
  put,
  putEnv,
} from "../support/builds.ts";
import { ordinary, runAs, testUsers } from "../support/real.ts";

const manifestOf = (prefix: string) =>
  JSON.parse(readFileSync(join(prefix, "current/manifest.json"), "utf8"));

/** The environment works over this base, and sees the base's system rather than the host's. */
function expectWorks(place: Place, prefix: string, over: "host" | "image"): void {
  const bin = (name: string): string => join(prefix, "bin", name);
  expect(call(place, [bin("cowsay"), "-t", "moo"]).stdout).toContain("moo");
  const where = call(place, [bin("python3"), "-c", "import sys; print(sys.executable, sys.prefix)"]);
  expect(where.stdout).toBe(`${bin("python3")} ${prefix}\n`);
  // mmdebstrap is in no image; the debian12 recipe leaves the documentation out.
  const host = call(place, [bin("_debug_exec"), "test", "-e", "/usr/bin/mmdebstrap"]).exitCode === 0;
  expect(host).toBe(over === "host" && existsSync("/usr/bin/mmdebstrap"));
  put(place, "beside.txt", "the user's file\n");
  const script = "print(open('beside.txt').read(), end='')";
  expect(call(place, [bin("python3"), "-c", script]).stdout).toBe("the user's file\n");
}

describe.each(testUsers())("the same files over the host and over an image, as $name", (user) => {
  let place: Place;
  let sif = "";
  beforeAll(() => {
    sif = debian12(user);
    place = newPlace(user);
    putEnv(place, "python=3.11, cowsay, kapseli-text-prefix, kapseli-postlink");
    put(place, "requirements.txt", "cowsay\nsix\n");
  });
  afterAll(() => place?.[Symbol.dispose]());

  it.each([
    ["host", "host"],
    ["debian12", "image"],
  ] as const)("an env.yml builds and runs over %s", (base, over) => {
    const prefix = join(place.directory, `conda-${base}`);
    const args = ["--engine", "rattler", "--base", base, "--prefix", prefix, "env.yml"];
    expectBuilt(place, build(place, "conda-containerize", args));
    expectWorks(place, prefix, over);
    expect(call(place, [join(prefix, "bin/kapseli-text-prefix")]).stdout).toContain(`${prefix}\n${prefix}\n`);
    expect(call(place, [join(prefix, "bin/kapseli-postlink")]).stdout).toBe(`${prefix}\n`);
    expect(manifestOf(prefix).base).toMatchObject({ kind: over, source: base });
    if (over === "image") expect(manifestOf(prefix).base.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it.each([["pip"], ["uv"]])("requirements build and run over an image by its path, by %s", (engine) => {
    const prefix = join(place.directory, `sif-${engine}`);
    const flags = engine === "uv" ? ["--uv"] : [];
    const image = join(place.directory, "my image.sif");
    runAs(user, ["cp", sif, image]);
    const args = [...flags, "--base", image, "--prefix", prefix, "requirements.txt"];
    expectBuilt(place, build(place, "pip-containerize", args));
    expectWorks(place, prefix, "image");
    // The user's own file may go: the generation has the image.
    runAs(user, ["rm", image]);
    expect(call(place, [join(prefix, "bin/cowsay"), "-t", "still"]).stdout).toContain("still");
    expect(lstatSync(join(prefix, "container.sif")).isSymbolicLink()).toBe(true);
  });
});

describe("a directory as the base", () => {
  let place: Place;
  let tree = "";
  beforeAll(() => {
    const sif = debian12(ordinary());
    place = newPlace(ordinary());
    tree = join(place.directory, "tree");
    const made = runAs(place.user, ["apptainer", "-s", "build", "--sandbox", tree, sif], {
      env: { APPTAINER_TMPDIR: place.temporary },
    });
    expect(made.exitCode, made.stderr).toBe(0);
    putEnv(place, "python=3.11, cowsay");
  });
  afterAll(() => {
    runAs(place.user, ["chmod", "-R", "u+rwX", tree]);
    place[Symbol.dispose]();
  });

  it("is used where it is, and not copied", () => {
    const prefix = join(place.directory, "env");
    const args = ["--engine", "rattler", "--base", "tree", "--prefix", prefix, "env.yml"];
    expectBuilt(place, build(place, "conda-containerize", args));
    expectWorks(place, prefix, "image");
    expect(manifestOf(prefix).base).toMatchObject({ kind: "image", shared: true });
    expect(readlinkSync(join(prefix, "container.sif"))).toBe(tree);
  });
});

describe("a base that cannot be used", () => {
  let place: Place;
  beforeAll(() => {
    place = newPlace(ordinary());
    putEnv(place, "kapseli-binary-prefix");
    put(place, "requirements.txt", "cowsay\n");
  });
  afterAll(() => place?.[Symbol.dispose]());
  const over = (base: string) =>
    build(place, "conda-containerize", ["--engine", "rattler", "--prefix", "env", "--base", base, "env.yml"]);
  const refused = (ran: ReturnType<typeof over>, code: number, ...says: (string | RegExp)[]): void => {
    expectRefused(ran, code, ...says);
    expect(ran.stdout).not.toContain("Installing packages");
    expectNothingLeft(place, join(place.directory, "env"));
  };

  it("because there is none of that name is refused with the names there are", () => {
    refused(over("debian99"), 3, "debian99", "debian12", "docker://");
    refused(over("./missing.sif"), 3, "./missing.sif", "nor there as a file");
  });

  it("because it is no image is refused with what the runtime said", () => {
    put(place, "text.sif", "this is no image\n");
    refused(over(put(place, "text.sif", "this is no image\n")), 4, "text.sif cannot be used");
  });

  it("because nobody may read it is refused", () => {
    const unreadable = put(place, "secret.sif", "x");
    chmodSync(unreadable, 0o000);
    refused(over(unreadable), 4, "secret.sif cannot be read");
  });

  it("because it is an empty directory is refused", () => {
    refused(over(put(place, "nothing-in-it")), 4, "nothing-in-it cannot be used");
  });

  it("because its programs are for another processor is refused", () => {
    // The runtime looks at nothing but the program it starts: one whose ELF header says 64-bit ARM.
    const sh = Buffer.alloc(4096);
    Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(sh);
    sh.writeUInt16LE(2, 16);
    sh.writeUInt16LE(183, 18);
    sh.writeUInt32LE(1, 20);
    put(place, "arm/bin/sh", sh, 0o755);
    for (const name of ["dev", "proc", "sys", "etc", "tmp"]) put(place, `arm/${name}`);
    refused(
      over(join(place.directory, "arm")),
      4,
      "arm cannot be used",
      "another processor architecture",
      "uname -m",
    );
  });

  it("because the registry cannot be reached is refused with its name", () => {
    refused(over("docker://127.0.0.1:1/base/x:1"), 4, "docker://127.0.0.1:1/base/x:1", "HTTPS_PROXY");
  });
});
