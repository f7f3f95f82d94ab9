import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { newPlace, type Place, put } from "../support/builds.ts";
import { check } from "../support/compat-checks.ts";
import { expectError, siteFile, type } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";

describe("the runtime command", () => {
  let place: Place;
  beforeAll(() => {
    place = newPlace(ordinary());
    put(place, "requirements.txt", "cowsay==6.1\n");
  });
  afterAll(() => place?.[Symbol.dispose]());

  check("R1", () => {
    const runtime = "/nowhere/bin/apptainer";
    const ran = type(place, "pip-containerize new --prefix env requirements.txt", {
      env: siteFile(place, { singularity_executable_path: runtime }),
    });
    expectError(ran, 4, runtime, /does not exist/);
    expect(existsSync(join(place.directory, "env/current"))).toBe(false);
  });
});
