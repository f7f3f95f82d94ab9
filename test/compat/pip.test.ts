import { existsSync, lstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { debian12 } from "../support/base-image.ts";
import { newPlace, type Place, put } from "../support/builds.ts";
import { check, once } from "../support/compat-checks.ts";
import { expectError, output, python, says, script, type, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";

describe("pip-containerize new and update", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
    put(place, "requirements.txt", "cowsay==6.1\n");
  });
  afterAll(() => place?.[Symbol.dispose]());

  const plain = once(() => {
    typeWell(place, "pip-containerize new --prefix plain requirements.txt");
    return at("plain/bin/python3");
  });
  const updated = once(() => {
    plain();
    const post = script(place, "post.sh", "pip install --quiet iniconfig==2.0.0");
    typeWell(place, `pip-containerize update --post-install ${post} plain`);
    return at("plain/bin/python3");
  });
  /** Over an image, by a site file that is named from the working directory. */
  const configured = once(() => {
    const site = { container_src: debian12(place.user), container_image: "my-base.sif" };
    put(place, "site.yaml", JSON.stringify({ defaults: site }));
    typeWell(place, "pip-containerize new --prefix configured requirements.txt", {
      env: { CW_GLOBAL_YAML: "site.yaml" },
    });
    return at("configured");
  });
  const uv = once(() => {
    typeWell(place, "pip-containerize new --uv --prefix uv requirements.txt");
    return at("uv/bin/python3");
  });
  const uvUpdated = once(() => {
    uv();
    put(place, "more.txt", "toolz==0.12.1\n");
    const post = script(place, "uv-post.sh", "uv pip install iniconfig==2.0.0");
    typeWell(place, `pip-containerize update -r more.txt --post-install ${post} uv`);
    return at("uv/bin/python3");
  });

  check("P1", () => {
    put(place, "nowhere.txt", "kapseli-no-such-package-anywhere\n");
    const ran = type(place, "pip-containerize new --prefix nowhere nowhere.txt");
    expectError(ran, 5, "kapseli-no-such-package-anywhere");
    expect(output(ran)).toContain("No matching distribution");
  });

  check("P2", () => {
    const site = JSON.parse(readFileSync(join(configured(), "current/manifest.json"), "utf8")).config;
    expect(site.container_src.value).toBe(debian12(place.user));
    expect(python(place, at("configured/bin/python3"), "import cowsay; print('there')")).toBe("there");
  });

  check("P3", () => {
    const code = "import cowsay, iniconfig; print('there')";
    expect(python(place, updated(), code)).toBe("there");
  });

  check("P4", () => {
    const named = join(configured(), "my-base.sif");
    expect(says(place, ["apptainer", "-s", "exec", named, "sh", "-c", ". /etc/os-release; echo $ID"])).toBe(
      "debian",
    );
    expect(lstatSync(named).isSymbolicLink()).toBe(true);
    expect(existsSync(at("configured/container.sif"))).toBe(false);
  });

  check("P5", () => {
    const code = "import sys; print(sys.prefix); print(sys.base_prefix)";
    const [prefix, base] = python(place, plain(), code).split("\n");
    expect(prefix).toBe(at("plain"));
    expect(base).not.toBe(prefix);
  });

  check("P6", () => {
    plain();
    expect(python(place, "plain/bin/python3", "import sys; print(sys.executable)")).toBe(
      at("plain/bin/python3"),
    );
  });

  check("P7", () => {
    expect(python(place, uv(), "import cowsay, sys; print(sys.prefix)")).toBe(at("uv"));
  });

  check("P8", () => {
    const code = "import cowsay, toolz; print(toolz.__version__)";
    expect(python(place, uvUpdated(), code)).toBe("0.12.1");
  });

  check("P9", () => {
    expect(python(place, uvUpdated(), "import iniconfig; print('there')")).toBe("there");
  });
});
