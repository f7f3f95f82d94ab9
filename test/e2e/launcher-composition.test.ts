import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { channelUrl, ordinary, type Ran, remove, runAs, scratch } from "../support/real.ts";

const user = ordinary();

describe("two environments, one with a directory of the user's beside", () => {
  let directory = "";
  const at = (name: string): string => join(directory, name);
  const build = (prefix: string): Ran =>
    runAs(user, ["conda-containerize", "new", "--engine", "rattler", "--prefix", prefix, "env.yml"], {
      cwd: directory,
    });
  beforeAll(() => {
    directory = scratch(user);
    writeFileSync(at("env.yml"), `channels: [${channelUrl()}, nodefaults]\ndependencies: [python]\n`);
    expect(build("a").exitCode).toBe(0);
    expect(build("b").exitCode).toBe(0);
  });
  afterAll(() => remove(directory));

  const image = (name: string): string => `${at(name)}/img.sqfs:${at(name)}:image-src=/`;
  const prefixOf = (name: string): string =>
    `import subprocess; subprocess.run([${JSON.stringify(join(at(name), "bin/python3"))}, '-c', 'import sys; print(sys.prefix)'])`;

  it("a program of one starts a program of the other by the path that works outside", () => {
    const ran = runAs(user, [at("a/bin/python3"), "-c", prefixOf("b")], {
      env: { CW_EXTRA_BIND_MOUNTS: image("b") },
    });
    expect(ran.stdout).toBe(`${at("b")}\n`);
  });

  it("an entry for the environment itself is left out, the others hold", () => {
    const ran = runAs(user, [at("a/bin/python3"), "-c", prefixOf("b")], {
      env: { CW_EXTRA_BIND_MOUNTS: `${image("a")},,${image("b")}` },
    });
    expect(ran.stdout).toBe(`${at("b")}\n`);
  });

  it("a copy of a launcher elsewhere runs the command of its name", () => {
    runAs(user, ["mkdir", at("elsewhere")]);
    runAs(user, ["cp", at("a/bin/python3"), at("elsewhere")]);
    const ran = runAs(user, [at("elsewhere/python3"), "-c", "import sys; print(sys.executable)"]);
    expect(ran.stdout).toBe(`${at("a/bin/python3")}\n`);
  });

  it("a prefix inside an environment is refused, and nothing is made there", () => {
    const ran = build("a/current/c");
    expect(ran.exitCode).toBe(4);
    expect(ran.stderr).toContain("lies inside the environment");
    expect(runAs(user, ["ls", at("a/current")]).stdout).not.toContain("c\n");
  });
});
