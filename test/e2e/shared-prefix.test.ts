import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newPlace, type Place, put } from "../support/builds.ts";
import { ordinary, type Ran, remove, runAs, type TestUser } from "../support/real.ts";

const isRoot = userInfo().uid === 0;
const TRAPPED = ["python3", "cowsay", "_debug_exec"];

// Only root can act as two users.
describe.runIf(isRoot)("a prefix that a group shares", () => {
  const builder = ordinary();
  let home = "";
  let other: TestUser;
  let place: Place;
  let othersPlace: Place;
  let prefix = "";

  const as = (place: Place, ...words: string[]): Ran =>
    runAs(place.user, ["sh", "-c", 'umask 007; exec "$@"', "sh", ...words], {
      cwd: place.directory,
      env: place.environment,
    });

  beforeAll(() => {
    place = newPlace(builder);
    chmodSync(place.directory, 0o2770);
    home = mkdtempSync(join(tmpdir(), "kapseli-other-"));
    // An account of every system that nobody logs in to, as a member of the builder's group.
    other = { name: "daemon", uid: 1, gid: builder.gid, home };
    chownSync(home, other.uid, other.gid);
    othersPlace = newPlace(other);
    prefix = join(place.directory, "env");
    put(place, "requirements.txt", "cowsay\n");
    const built = as(place, "pip-containerize", "new", "--prefix", prefix, "requirements.txt");
    expect(built.exitCode, built.stderr).toBe(0);
  });
  afterAll(() => {
    place?.[Symbol.dispose]();
    othersPlace?.[Symbol.dispose]();
    if (home !== "") remove(home);
  });

  it("is updated by another of the group, without running what a member put there or writing where he points", () => {
    const marker = join(othersPlace.directory, "executed");
    const precious = put(othersPlace, "precious", "mine\n");
    const trap = `#!/bin/sh\ntouch "${marker}"\n`;
    for (const name of TRAPPED) {
      // Another file under the name, as anybody of the group can make it.
      const path = join(prefix, "bin", name);
      writeFileSync(`${path}-new`, trap, { mode: 0o770 });
      chownSync(`${path}-new`, builder.uid, builder.gid);
      renameSync(`${path}-new`, path);
    }
    const launcher = join(prefix, "current", "launcher.sh");
    writeFileSync(launcher, `${readFileSync(launcher, "latin1")}${trap}`, "latin1");
    for (const name of [".condarc", "pip.conf", "sitecustomize.py"])
      writeFileSync(join(prefix, name), "import os\n");
    symlinkSync(precious, join(prefix, ".kapseli.lock"));
    symlinkSync(precious, join(prefix, ".kapseli-rollback-stub"));
    put(othersPlace, "more.txt", "cowsay\n");

    const update = (): Ran => as(othersPlace, "pip-containerize", "update", "-r", "more.txt", prefix);
    const refused = update();
    expect(refused.exitCode, refused.stderr).toBe(7);
    expect(refused.stderr).toMatch(/bin\/\S+ is in the way: it was not made by Kapseli/);
    expect(existsSync(marker)).toBe(false);
    for (const name of TRAPPED) unlinkSync(join(prefix, "bin", name));
    const updated = update();
    expect(updated.exitCode, updated.stderr).toBe(0);
    expect(existsSync(marker)).toBe(false);
    expect(readFileSync(precious, "utf8")).toBe("mine\n");
    // What the other one published is his, and whole again.
    for (const who of [place, othersPlace]) {
      const called = as(who, join(prefix, "bin", "cowsay"), "-t", "moo");
      expect([called.exitCode, called.stdout.includes("moo")], called.stderr).toEqual([0, true]);
    }
    const back = as(othersPlace, "kapseli", "rollback", prefix);
    expect(back.exitCode, back.stderr).toBe(0);
    expect(readFileSync(precious, "utf8")).toBe("mine\n");
    expect(existsSync(marker)).toBe(false);
  });
});
