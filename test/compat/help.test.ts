import { afterAll, beforeAll, describe, expect } from "vitest";
import { newPlace, type Place } from "../support/builds.ts";
import { check } from "../support/compat-checks.ts";
import { output, says, type } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";

const TOOLS = ["conda-containerize", "pip-containerize", "wrap-container", "wrap-install"];

describe("help and options", () => {
  let place: Place;
  beforeAll(() => {
    place = newPlace(ordinary());
  });
  afterAll(() => place?.[Symbol.dispose]());

  check("H1", () => {
    for (const tool of TOOLS) {
      const help = says(place, [tool, "-h"]);
      expect(help).toContain("usage:");
      expect(help).toContain("show this help message");
      expect(says(place, [tool, "--help"])).toBe(help);
    }
  });

  check("H2", () => {
    for (const tool of TOOLS) expect(says(place, [tool])).toContain("show this help message");
  });

  check("H3", () => {
    const help = says(place, "conda-containerize new --help");
    for (const option of ["--post-install", "--pre-install", "--environ", "--wrapper-paths"]) {
      expect(help).toContain(option);
    }
  });

  check("H4", () => {
    const help = says(place, "wrap-install --help");
    for (const option of ["--post-install", "--pre-install", "--environ", "--wrapper-paths"]) {
      expect(help).toContain(option);
    }
  });

  check("H5", () => {
    const help = says(place, "wrap-container --help");
    for (const option of ["--environ", "--wrapper-paths"]) expect(help).toContain(option);
  });

  check("H6", () => {
    const lines = ["conda-containerize", "pip-containerize"].flatMap((tool) =>
      ["new", "update", "advanced"].map((command) => `${tool} ${command}`),
    );
    for (const line of lines) {
      const ran = type(place, line);
      expect(ran.exitCode, line).toBe(2);
      expect(ran.stderr, line).toMatch(/arguments are required/);
      expect(output(ran)).toMatch(/usage:/i);
    }
  });
});
