import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { debian12 } from "../support/base-image.ts";
import { newPlace, type Place, put } from "../support/builds.ts";
import { check, once } from "../support/compat-checks.ts";
import {
  IMAGE_NAME,
  IMAGE_PROGRAM,
  imagePython,
  type PythonImage,
  pushPython,
} from "../support/compat-images.ts";
import { python, says, script, siteFile, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";
import { type Registry, startRegistry } from "../support/registry.ts";

describe("pip-containerize --slim", () => {
  let place: Place;
  let registry: Registry;
  let image: PythonImage;
  let env: Record<string, string>;
  const at = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
    registry = startRegistry();
    image = pushPython(registry);
    put(place, "requirements.txt", "distro==1.9.0\n");
    env = {
      APPTAINER_NOHTTPS: "1",
      ...siteFile(place, { slim_container_src: image.uri }),
    };
  });
  afterAll(() => {
    registry?.stop();
    place?.[Symbol.dispose]();
  });

  const slim = once(() => {
    typeWell(place, "pip-containerize new --slim --prefix slim requirements.txt", { env });
    return at("slim/bin/python3");
  });
  const updated = once(() => {
    slim();
    const post = script(place, "post.sh", "pip install --quiet iniconfig==2.0.0");
    typeWell(place, `pip-containerize update --post-install ${post} slim`, { env });
    return at("slim/bin/python3");
  });

  check("S1", () => {
    slim();
    expect(says(place, [at("slim/bin/_debug_exec"), IMAGE_PROGRAM])).toBe(IMAGE_NAME);
  });

  check("S2", () => {
    expect(python(place, slim(), "import distro; print(distro.id())")).toBe("debian");
  });

  check("S3", () => {
    expect(python(place, updated(), "import distro, iniconfig; print('there')")).toBe("there");
  });

  check("S4", () => {
    const version = imagePython(debian12(place.user));
    const tag = `${version}-slim-bookworm`;
    image.tag(tag);
    typeWell(place, `pip-containerize new --slim --pyver ${tag} --prefix exact requirements.txt`, { env });
    expect(python(place, at("exact/bin/python3"), "import platform; print(platform.python_version())")).toBe(
      version,
    );
    // A version alone means its slim image.
    const short = version.replace(/\.\d+$/, "");
    image.tag(`${short}-slim`);
    typeWell(place, `pip-containerize new --slim --pyver ${short} --prefix short requirements.txt`, { env });
    expect(python(place, at("short/bin/python3"), "import platform; print(platform.python_version())")).toBe(
      version,
    );
  });
});
