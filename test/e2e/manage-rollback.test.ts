import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build, call, expectBuilt, newPlace, type Place, put, putEnv } from "../support/builds.ts";
import { ordinary, runAs } from "../support/real.ts";

describe("kapseli rollback and generations", () => {
  let place: Place;
  let prefix = "";
  const kapseli = (...args: string[]) => runAs(place.user, ["kapseli", ...args], { cwd: place.directory });
  const conda = (file: string) => {
    const ran = build(place, "conda-containerize", ["--engine", "rattler", "--prefix", "project", file]);
    expectBuilt(place, ran);
  };
  const version = () => call(place, [join(prefix, "bin/kapseli-versions")]).stdout;

  beforeAll(() => {
    place = newPlace(ordinary());
    prefix = join(place.directory, "project");
    // With a file of the user's there, so that bin is a link.
    put(place, "project/notes.txt", "mine\n");
    conda(putEnv(place, "kapseli-versions=1.0", "", "first.yml"));
    conda(putEnv(place, "kapseli-versions=2.0", "", "second.yml"));
  });
  afterAll(() => place[Symbol.dispose]());

  it("goes back and forward, says what changed, and the commands are those of that generation", () => {
    expect(version()).toBe("2.0\n");
    const back = kapseli("rollback", "project");
    expect(back).toMatchObject({ exitCode: 0, stderr: "" });
    expect(back.stdout).toContain(`${prefix}/env: generation 2 -> 1\n`);
    expect(back.stdout).toContain("commands that are back: kapseli-only-in-1\n");
    expect(back.stdout).toContain("commands that are gone: kapseli-only-in-2\n");
    expect(version()).toBe("1.0\n");
    expect(call(place, [join(prefix, "bin/kapseli-only-in-1")]).exitCode).toBe(0);

    const undo = /To undo it: kapseli (.*)\n/.exec(back.stdout)?.[1]?.split(" ") ?? [];
    expect(kapseli(...undo).stdout).toContain("generation 1 -> 2");
    expect(version()).toBe("2.0\n");
  });

  it("lists them for people and as JSON", () => {
    expect(kapseli("rollback", "--to", "1", "project").exitCode).toBe(0);
    const text = kapseli("generations", "project").stdout;
    expect(text).toMatch(
      /^ {2}2 {2}\d{4}-\d\d-\d\d \d\d:\d\d UTC {2}\d+ MB {2}\d+ packages?\n\* 1 {2}.*packages?\n$/,
    );
    const listed = JSON.parse(kapseli("generations", "--json", "project").stdout) as {
      generations: object[];
    };
    expect(listed).toMatchObject({
      root: join(prefix, "env"),
      generations: [
        { number: 2, current: false, packages: 1, missing: [] },
        { number: 1, current: true, packages: 1, missing: [] },
      ],
    });
  });

  it("the next build makes the number after the highest, and leaves the one that was in use", () => {
    expect(kapseli("rollback", "--to", "1", "project").exitCode).toBe(0);
    conda("second.yml");
    const { generations } = JSON.parse(kapseli("generations", "--json", "project").stdout) as {
      generations: { number: number; current: boolean }[];
    };
    expect(generations.map(({ number }) => number)).toEqual([3, 2, 1]);
    expect(generations[0]?.current).toBe(true);
    expect(version()).toBe("2.0\n");
  });

  it("refuses what cannot be, with one error and what to do, and changes nothing", () => {
    const before = readFileSync(join(prefix, "env/current/launcher.sh"));
    for (const [args, code, says] of [
      [["rollback", "project", "--to", "9"], 3, "has no generation 9"],
      [["rollback", "project", "--to", "zero"], 2, "A generation is a number"],
      [["rollback", "nowhere"], 3, "does not exist"],
      [["rollback", "work"], 3, "is not an environment"],
      [["generations", "work"], 3, "is not an environment"],
      [["rollback"], 2, "required: prefix"],
    ] as const) {
      const ran = kapseli(...args);
      expect({ args, code: ran.exitCode }).toEqual({ args, code });
      expect(ran.stderr).toContain(says);
    }
    expect(readFileSync(join(prefix, "env/current/launcher.sh"))).toEqual(before);
  });

  it("prints JSON; an environment that may not be written is not touched", () => {
    const ran = runAs(place.user, ["kapseli", "rollback", "project", "--json"], { cwd: place.directory });
    expect(JSON.parse(ran.stdout)).toMatchObject({
      schema: "kapseli.rollback/1",
      event: "result",
      from: 3,
      to: 2,
    });
    runAs(place.user, ["chmod", "a-w", join(prefix, "env")]);
    const refused = kapseli("rollback", "project", "--to", "3");
    runAs(place.user, ["chmod", "u+w", join(prefix, "env")]);
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain("cannot be written: no permission");
    expect(version()).toBe("2.0\n");
  });
});
