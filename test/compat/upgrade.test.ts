import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { debian12 } from "../support/base-image.ts";
import { newPlace, type Place, putEnv } from "../support/builds.ts";
import { check } from "../support/compat-checks.ts";
import { output, python, script, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";
import { environmentPath, makeTykkyPrefix } from "../support/tykky-prefix.ts";

const LAYOUT = { mode: "conda", conda: "miniconda" } as const;

describe("an installation made by Tykky's release 0.3", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
  });
  afterAll(() => place?.[Symbol.dispose]());

  /** A conda environment whose files name the path that Tykky would mount it at. @returns its directory */
  function environmentOfTykky(): string {
    putEnv(place, "python=3.11, pip, cowsay");
    typeWell(place, "conda-containerize new --prefix made env.yml");
    typeWell(place, ["unsquashfs", "-quiet", "-no-progress", "-dest", "tree", "made/img.sqfs"]);
    const rename = `chmod -R u+w tree; rm -rf tree/.kapseli
      grep -rIlZF -- "$0" tree | xargs -0 sed -i "s|$0|$1|g"`;
    typeWell(place, ["sh", "-c", rename, at("made"), environmentPath(LAYOUT)]);
    return at("tree");
  }

  check("U1", async () => {
    const tree = environmentOfTykky();
    const prefix = at("of-tykky");
    const programs = readdirSync(join(tree, "bin"));
    await makeTykkyPrefix({ prefix, ...LAYOUT, tree, programs, sharedContainer: debian12(place.user) });
    rmSync(tree, { recursive: true });
    rmSync(at("made"), { recursive: true });
    if (userInfo().uid === 0) {
      const owned = spawnSync("chown", ["-R", `${place.user.uid}:${place.user.gid}`, prefix]);
      expect(owned.status).toBe(0);
    }
    const post = script(place, "post.sh", "pip install --quiet iniconfig==2.0.0");
    const ran = typeWell(place, `conda-containerize update --post-install ${post} of-tykky`);
    expect(output(ran)).toMatch(/tykky/i);
    const code = "import cowsay, iniconfig, sys; print(sys.executable)";
    expect(python(place, join(prefix, "bin/python3"), code)).toBe(join(prefix, "bin/python3"));
  });
});
