/** Bases for the tests: the debian12 of base-images/, and one small enough to be pushed and pulled in a moment. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { build, expectBuilt, newPlace, own, type Place, put, putEnv } from "./builds.ts";
import { ordinary, runAs, type TestUser } from "./real.ts";

const built = new Map<string, string>();

/**
 * The debian12 that its recipe made, in the user's cache as a build would have it. It is built once, as the ordinary
 * user (half a minute); other users get a copy.
 *
 * @returns the SIF
 */
export function debian12(user: TestUser): string {
  const known = built.get(user.name);
  if (known) return known;
  const place = newPlace(user);
  try {
    const bases = join(place.environment.KAPSELI_CACHE ?? "", "bases");
    if (user.name !== ordinary().name) {
      const made = debian12(ordinary());
      const copy = join(bases, made.slice(made.lastIndexOf("/") + 1));
      mkdirSync(bases, { recursive: true, mode: 0o700 });
      if (!existsSync(copy)) copyFileSync(made, copy);
      for (const path of [bases, copy]) own(path, user);
    }
    putEnv(place, "kapseli-binary-prefix");
    const args = ["--engine", "rattler", "--base", "debian12", "--prefix", "env", "env.yml"];
    expectBuilt(place, build(place, "conda-containerize", args));
    const age = (name: string): number => statSync(join(bases, name)).mtimeMs;
    const made = readdirSync(bases).filter((name) => /^debian12-[0-9a-f]+\.sif$/.test(name));
    const newest = made.sort((a, b) => age(b) - age(a))[0];
    if (newest === undefined) throw new Error(`no debian12 in ${bases}`);
    built.set(user.name, join(bases, newest));
    return join(bases, newest);
  } finally {
    place[Symbol.dispose]();
  }
}

const APPLETS = ["sh", "cat", "env", "printf", "test", "true", "ls", "mkdir"];

/** A root tree of busybox and the C library, with its release in /etc/kapseli-release. @returns its path */
export function smallTree(place: Place, name: string, release: string): string {
  for (const directory of ["dev", "proc", "sys", "tmp", "bin", "usr/bin"]) put(place, `${name}/${directory}`);
  const busybox = realpathSync("/bin/busybox");
  const libraries = runAs(place.user, ["ldd", busybox]).stdout.match(/\/\S+/g) ?? [];
  for (const file of [...libraries, "/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/libc.so.6"]) {
    if (!existsSync(file)) continue;
    const copy = put(place, `${name}${file}`, "", 0o755);
    copyFileSync(realpathSync(file), copy);
  }
  copyFileSync(busybox, put(place, `${name}/bin/busybox`, "", 0o755));
  for (const applet of APPLETS) symlinkSync("busybox", join(place.directory, name, "bin", applet));
  symlinkSync("/bin/env", join(place.directory, name, "usr/bin/env"));
  put(place, `${name}/etc/kapseli-release`, `${release}\n`);
  return join(place.directory, name);
}
