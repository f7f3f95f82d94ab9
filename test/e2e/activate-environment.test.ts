import { realpathSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isThere } from "../support/activation.ts";
import { build, expectBuilt, newPlace, type Place, putEnv } from "../support/builds.ts";
import { installedBin, runAs, testUsers } from "../support/real.ts";

const SHELLS: [string, ...string[]][] = [
  ["bash"],
  ["zsh", "-f"],
  ["ksh"],
  ["mksh"],
  ["dash"],
  ["busybox", "sh"],
];

describe.each(testUsers())("an environment that $name built and activates", (user) => {
  let place: Place;
  let prefix: string;
  /** As it was installed from the tarball. */
  const root = realpathSync(join(installedBin(), "..", "kapseli"));

  beforeAll(() => {
    place = newPlace(user);
    prefix = join(place.directory, "first");
    const env = putEnv(place, "python=3.11");
    expectBuilt(place, build(place, "conda-containerize", ["--prefix", prefix, env]));
  });
  afterAll(() => place[Symbol.dispose]());

  describe.each(SHELLS)("in %s", (shell, ...options) => {
    it.skipIf(!isThere(shell))("runs its Python by name", () => {
      const script = `. "$KAPSELI_ROOT/etc/profile.d/tykky.sh"
        tykky activate first
        python3 -c 'import sys; print(sys.prefix)'
        command -v kapseli conda-containerize >/dev/null && echo tools`;
      const env = { ...place.environment, KAPSELI_ROOT: root, TYKKY_PATH: place.directory };
      const ran = runAs(user, [shell, ...options, "-euc", script], { env });
      expect(ran).toMatchObject({ stderr: "", stdout: `${prefix}\ntools\n`, exitCode: 0 });
    });
  });
});
