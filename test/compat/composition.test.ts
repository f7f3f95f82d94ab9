import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { newPlace, type Place, putEnv } from "../support/builds.ts";
import { check, once } from "../support/compat-checks.ts";
import { type Line, python, says, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";

describe("composition and activation", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
    putEnv(place, "python=3.11, pip", "", "a.yml");
    putEnv(place, "kapseli-binary-prefix, python=3.11", "", "b.yml");
  });
  afterAll(() => place?.[Symbol.dispose]());

  const both = once(() => {
    for (const name of ["a", "b"]) {
      typeWell(place, `conda-containerize new --mamba --prefix ${name} ${name}.yml`);
    }
  });
  const venv = once(() => {
    both();
    typeWell(place, [at("a/bin/python3"), "-m", "venv", "venv"]);
    return at("venv/bin/python3");
  });
  const image = (name: string): string => `${at(name)}/img.sqfs:${at(name)}:image-src=/`;
  const CONDA_PREFIX = "import os; print(os.environ.get('CONDA_PREFIX'))";

  check("X1", () => {
    both();
    for (const name of ["a", "b"]) {
      expect(python(place, at(`${name}/bin/python3`), "import sys; print(sys.prefix)")).toBe(at(name));
    }
  });

  check("X2", () => {
    both();
    const env = { CW_EXTRA_BIND_MOUNTS: image("a") };
    const table = says(place, [at("a/bin/_debug_exec"), "cat", "/proc/self/mountinfo"], { env });
    const over = table.split("\n").filter((line) => line.split(" ")[4] === at("a"));
    expect(over).toHaveLength(1);
    expect(python(place, at("a/bin/python3"), "print('runs')", { env })).toBe("runs");
  });

  check("X3", () => {
    both();
    const env = { CW_EXTRA_BIND_MOUNTS: image("b") };
    const line: Line = [at("a/bin/_debug_exec"), at("b/bin/kapseli-binary-prefix")];
    expect(says(place, line, { env })).toContain(at("b"));
  });

  check("X4", () => {
    both();
    const env = { CW_EXTRA_BIND_MOUNTS: image("b") };
    const code = `import subprocess; subprocess.run([${JSON.stringify(at("b/bin/kapseli-binary-prefix"))}], check=True)`;
    expect(python(place, at("a/bin/python3"), code, { env })).toContain(at("b"));
  });

  check("X5", () => {
    both();
    expect(python(place, at("a/bin/python3"), CONDA_PREFIX)).toBe(at("a"));
  });

  check("X6", () => {
    expect(python(place, venv(), CONDA_PREFIX, { env: { CONDA_PREFIX: undefined } })).toBe("None");
  });

  check("X7", () => {
    expect(python(place, venv(), CONDA_PREFIX, { env: { CW_FORCE_CONDA_ACTIVATE: "1" } })).toBe(at("a"));
  });

  check("X8", () => {
    const code = "import shutil; print(shutil.which('python3'))";
    expect(python(place, venv(), code, { env: { CW_FORCE_CONDA_ACTIVATE: "1" } })).toBe(
      at("venv/bin/python3"),
    );
  });
});
