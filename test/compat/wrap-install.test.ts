import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { newPlace, type Place, put, putEnv } from "../support/builds.ts";
import { check, once } from "../support/compat-checks.ts";
import { type Line, output, says, type, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";

describe("wrap-install", () => {
  let place: Place;
  const at = (name: string): string => join(place.directory, name);
  beforeAll(() => {
    place = newPlace(ordinary());
    for (const name of ["masked", "moved", "plain", "workflow"]) software(name);
    putEnv(place, "kapseli-binary-prefix");
  });
  afterAll(() => place?.[Symbol.dispose]());

  /** Software that knows its own absolute path: `hello`, and `start`, which runs what it is given. */
  function software(name: string): void {
    put(place, `soft/${name}/share/text`, `${name} at ${at(`soft/${name}`)}\n`);
    put(place, `soft/${name}/bin/hello`, `#!/bin/sh\ncat "${at(`soft/${name}`)}/share/text"\n`, 0o755);
    put(place, `soft/${name}/bin/start`, '#!/bin/sh\n"$@"\n', 0o755);
  }
  const mask = (name: string): void => {
    typeWell(place, `wrap-install --mask -w bin --prefix wrapped-${name} soft/${name}`);
  };
  const masked = once(() => mask("masked"));
  const plain = once(() => typeWell(place, "wrap-install -w bin --prefix wrapped-plain soft/plain"));
  const conda = once(() => {
    typeWell(place, "conda-containerize new --prefix conda env.yml");
  });
  /** The prefix stands where the software was. */
  const moved = once(() => {
    mask("moved");
    conda();
    typeWell(place, ["rm", "-r", "soft/moved"]);
    typeWell(place, ["mv", "wrapped-moved", "soft/moved"]);
    return at("soft/moved/bin");
  });
  const workflow = once(() => mask("workflow"));
  const images = (...names: string[]): { CW_EXTRA_BIND_MOUNTS: string } => ({
    CW_EXTRA_BIND_MOUNTS: names
      .map((name) =>
        name === "conda"
          ? `${at("conda/img.sqfs")}:${at("conda")}:image-src=/`
          : `${at(name)}/img.sqfs:${at(name)}:image-src=/`,
      )
      .join(","),
  });

  check("I1", () => {
    masked();
    expect(says(place, [at("wrapped-masked/bin/hello")])).toBe(`masked at ${at("soft/masked")}`);
  });

  check("I2", () => {
    masked();
    const file = at("soft/masked/new-file");
    const ran = type(place, [at("wrapped-masked/bin/start"), "touch", file]);
    expect(ran.exitCode).not.toBe(0);
    expect(output(ran)).toContain("Read-only file system");
    expect(existsSync(file)).toBe(false);
  });

  check("I3", () => {
    plain();
    expect(says(place, [at("wrapped-plain/bin/hello")])).toBe(`plain at ${at("soft/plain")}`);
  });

  check("I4", () => {
    plain();
    typeWell(place, [at("wrapped-plain/bin/start"), "touch", at("soft/plain/new-file")]);
    expect(existsSync(at("soft/plain/new-file"))).toBe(true);
  });

  check("I5", () => {
    const hello = join(moved(), "hello");
    const line: Line = [at("conda/bin/_debug_exec"), hello];
    expect(says(place, line, { env: images("soft/moved") })).toBe(`moved at ${at("soft/moved")}`);
  });

  check("I6", () => {
    const start = join(moved(), "start");
    const line: Line = [at("conda/bin/_debug_exec"), start, at("conda/bin/kapseli-binary-prefix")];
    expect(says(place, line, { env: images("soft/moved") })).toContain(at("conda"));
  });

  check("I7", () => {
    moved();
    workflow();
    const line: Line = [at("wrapped-workflow/bin/start"), at("conda/bin/kapseli-binary-prefix")];
    expect(says(place, line, { env: images("conda") })).toContain(at("conda"));
    const third: Line = [at("wrapped-workflow/bin/start"), join(moved(), "hello")];
    expect(says(place, third, { env: images("conda", "soft/moved") })).toBe(`moved at ${at("soft/moved")}`);
  });

  check("I8", () => {
    masked();
    put(place, "cwd/beside", "the file beside\n");
    const cwd = at("cwd");
    expect(says(place, [at("wrapped-masked/bin/start"), "cat", "beside"], { cwd })).toBe("the file beside");
    expect(says(place, [at("wrapped-masked/bin/start"), "pwd"], { cwd })).toBe(cwd);
    // The caller's own are kept beside it.
    const bound = put(place, "bound/file", "bound\n");
    const env = { SINGULARITY_BIND: `${bound}:/kapseli-bound` };
    const line: Line = [at("wrapped-masked/bin/start"), "cat", "/kapseli-bound", "beside"];
    expect(says(place, line, { cwd, env })).toBe("bound\nthe file beside");
  });
});
