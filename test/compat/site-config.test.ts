import { copyFileSync, existsSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { debian12 } from "../support/base-image.ts";
import { newPlace, own, type Place, put } from "../support/builds.ts";
import { check, once } from "../support/compat-checks.ts";
import {
  expectError,
  manifestOf,
  python,
  script,
  siteFile,
  type,
  typeWell,
} from "../support/compat-place.ts";
import { baseEnvironment, ordinary } from "../support/real.ts";

describe("site configuration, sharing, build directory", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
    put(place, "requirements.txt", "cowsay==6.1\n");
  });
  afterAll(() => place?.[Symbol.dispose]());

  const plain = once(() => {
    typeWell(place, "pip-containerize new --prefix plain requirements.txt", {
      env: siteFile(place, { container_src: "auto" }),
    });
    return at("plain/bin/python3");
  });
  const venv = once(() => {
    typeWell(place, [plain(), "-m", "venv", "venv"]);
    return at("venv/bin/python");
  });
  const shared = once(() => {
    copyFileSync(debian12(place.user), put(place, "site/base.sif", ""));
    own(at("site/base.sif"), place.user);
    const env = siteFile(place, { container_src: at("site/base.sif"), share_container: "yes" });
    typeWell(place, "pip-containerize new --prefix shared requirements.txt", { env });
    return env;
  });
  const container = (): string => realpathSync(at("shared/container.sif"));
  const sharedUpdated = once(() => {
    const env = shared();
    const before = { real: container(), link: readlinkSync(at("shared/container.sif")) };
    const post = script(place, "post.sh", "pip install --quiet iniconfig==2.0.0");
    typeWell(place, `pip-containerize update --post-install ${post} shared`, { env });
    return before;
  });

  check("D1", () => {
    plain();
    expect(manifestOf(at("plain")).base.kind).toBe("host");
  });

  check("D2", () => {
    typeWell(place, "pip-containerize new --system-site-packages --prefix system requirements.txt");
    expect(python(place, at("system/bin/python3"), "import site; print(site.ENABLE_USER_SITE)")).toBe("True");
  });

  check("D3", () => {
    expect(python(place, plain(), "import site; print(site.ENABLE_USER_SITE)")).toBe("False");
  });

  check("D4", () => {
    expect(python(place, plain(), "import cowsay; print(cowsay.__version__)")).toBe("6.1");
  });

  check("D5", () => {
    shared();
    expect(container()).toBe(at("site/base.sif"));
  });

  check("D6", () => {
    sharedUpdated();
    const code = "import cowsay, iniconfig; print('there')";
    expect(python(place, at("shared/bin/python3"), code)).toBe("there");
  });

  check("D7", () => {
    expect(sharedUpdated().real).toBe(at("site/base.sif"));
    expect(container()).toBe(at("site/base.sif"));
  });

  check("D8", () => {
    const code = "import sys; print(sys.prefix); print(sys.base_prefix)";
    const [prefix, base] = python(place, venv(), code).split("\n");
    expect(prefix).toBe(at("venv"));
    expect(base).not.toBe(prefix);
  });

  check("D9", () => {
    typeWell(place, [join(venv(), "../pip"), "install", "--quiet", "pluggy==1.5.0"]);
    expect(python(place, venv(), "import pluggy; print(pluggy.__file__)")).toContain(`${at("venv")}/`);
  });

  check("D10", () => {
    for (const name of ["bin", "_bin"]) put(place, `fake/${name}`);
    put(place, "fake/common.sh", "");
    const PATH = `${at("fake/bin")}:${baseEnvironment(place.user).PATH}`;
    const ran = type(place, "pip-containerize new --prefix beside-fake requirements.txt", { env: { PATH } });
    expectError(ran, 3, "Remove", at("fake"));
    expect(existsSync(at("beside-fake/current"))).toBe(false);
  });

  check("D11", "a CW_BUILD_TMPDIR that may not be made is reported", () => {
    const ran = type(place, "pip-containerize new --prefix no-build-directory requirements.txt", {
      env: { CW_BUILD_TMPDIR: "/usr/kapseli/no" },
    });
    expectError(ran, 4, "/usr/kapseli/no");
  });

  check("D11", "a CW_BUILD_TMPDIR where no directory can be is reported", () => {
    // Node's own recursive mkdir never ends below /proc.
    const ran = type(place, "pip-containerize new --prefix no-build-directory requirements.txt", {
      env: { CW_BUILD_TMPDIR: "/proc/kapseli/no" },
      timeoutMs: 30_000,
    });
    expectError(ran, 4, "/proc/kapseli/no");
  });

  check("D12", () => {
    typeWell(place, "pip-containerize new --uv --prefix deep-build requirements.txt", {
      env: { CW_BUILD_TMPDIR: at("not/yet/there") },
    });
    expect(readdirSync(at("not/yet/there"))).toEqual([]);
    expect(python(place, at("deep-build/bin/python3"), "import cowsay; print('there')")).toBe("there");
  });

  check("D13", () => {
    const cwd = put(place, "below");
    typeWell(place, "pip-containerize new --uv --prefix ../beside ../requirements.txt", { cwd });
    expect(python(place, at("beside/bin/python3"), "import cowsay; print('there')")).toBe("there");
  });

  check("D14", () => {
    put(place, "s/requirements.txt", "cowsay==6.1\n");
    typeWell(place, "pip-containerize new --uv --prefix s/X s/requirements.txt");
    expect(python(place, at("s/X/bin/python3"), "import cowsay; print('there')")).toBe("there");
  });
});
