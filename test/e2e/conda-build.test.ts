import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { channelUrl, remove, runAs, scratch, testUsers } from "../support/real.ts";

describe.each(testUsers())("conda-containerize new as $name", (user) => {
  let directory = "";
  beforeAll(() => {
    directory = scratch(user);
    const env = `channels: [${channelUrl()}, nodefaults]\ndependencies: [python=3.11, numpy, cowsay]\n`;
    writeFileSync(join(directory, "env.yml"), env);
  });
  afterAll(() => remove(directory));

  it("makes an environment whose python imports what was asked for", () => {
    const built = runAs(user, ["conda-containerize", "new", "--prefix", "env", "env.yml"], {
      cwd: directory,
    });
    expect(built.stderr).toBe("");
    expect(built.exitCode).toBe(0);
    const asked = runAs(user, [
      join(directory, "env/bin/python3"),
      "-c",
      "import numpy; print(numpy.__version__)",
    ]);
    expect(asked.stdout).toBe("2.2.6\n");
  });
});
