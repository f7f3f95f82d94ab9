import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  build,
  call,
  expectBuilt,
  expectNothingLeft,
  newPlace,
  own,
  type Place,
  put,
} from "../support/builds.ts";
import { ordinary, type Ran, runAs } from "../support/real.ts";

/** Commands of the wheel: names that some program on their way would take for something else. */
const LONGEST = "x".repeat(255);
// biome-ignore format: a list of names
const NAMES = [
  "$(touch pwned)", "`touch pwned`", "-rf", "--", "a b", " leading", "it's", 'say "hi"', "semi;touch pwned", "*", "back\\slash",
  "%s", "~", "...", "#", "!", "é😀", "new\nline", "tab\there", "1", "current", "Case", "case", LONGEST,
];

/** Makes a wheel whose scripts have these names; each says its own and what it was given. */
const MAKE_WHEEL = `import base64, hashlib, json, sys, zipfile
names = json.loads(sys.argv[1])
body = "#!/bin/sh\\nprintf 'ran: %s\\\\n' \\"\${0##*/}\\" \\"$@\\"\\n"
files = {f"hostile-1.0.data/scripts/{name}": body for name in names}
files["hostile.py"] = "SUM = 42\\n"
files["hostile-1.0.dist-info/METADATA"] = "Metadata-Version: 2.1\\nName: hostile\\nVersion: 1.0\\n"
files["hostile-1.0.dist-info/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
with zipfile.ZipFile("hostile-1.0-py3-none-any.whl", "w") as wheel:
    record = ""
    for name, text in files.items():
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o100755 << 16
        wheel.writestr(info, text)
        quoted = '"' + name.replace('"', '""') + '"'
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{quoted},sha256={digest},{len(text.encode())}\\n"
    wheel.writestr("hostile-1.0.dist-info/RECORD", record + "hostile-1.0.dist-info/RECORD,,\\n")
`;

/** What a package's installation may leave besides, in the environment that is being built. */
const ODD_FILES = `set -e
cd "$env_root"
ln -s /usr/bin/printf bin/outside
ln -s /nowhere/at/all bin/dangling
ln -s ../../../../../../../../../../usr/bin/true bin/climbs
ln -s looped bin/looped
ln -s "$PWD/bin/python3" bin/absolute
mkdir bin/python3.99 bin/list-packages
printf '#!/bin/sh\\necho not utf-8\\n' >"bin/$(printf 'caf\\351')"
cp "bin/$(printf 'caf\\351')" "bin/$(printf 'caf\\350')"
chmod 755 bin/caf*
printf '#!/bin/sh\\nid -u\\n' >bin/setuid
chmod 6755 bin/setuid
mkfifo bin/fifo share-fifo
printf 'x' >secret-mode
chmod 000 secret-mode
mkdir closed
echo inside >closed/file
chmod 000 closed
truncate -s 300M sparse
echo data | dd of=sparse bs=1 seek=200000000 conv=notrunc status=none
python3 - <<'END'
import os, socket, struct
# An access control list (linux/posix_acl_xattr.h): the owner, one user more, the group, the mask, others.
entries = [(1, 6, -1), (2, 7, 1), (4, 4, -1), (16, 7, -1), (32, 4, -1)]
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
try:
    os.setxattr("sparse", "user.note", b"a note")
    os.setxattr("sparse", "system.posix_acl_access", acl)
except OSError as error:
    print("no extended attributes here:", error)
socket.socket(socket.AF_UNIX).bind("socket")
END
`;

const user = ordinary();
const at = (place: Place, name: string): string => join(place.directory, name);
const pwned = (place: Place): string[] =>
  [place.directory, at(place, "env"), at(place, "env/bin"), user.home, "/", "/tmp"].filter((directory) =>
    existsSync(join(directory, "pwned")),
  );

describe("an environment of a package with odd names and of odd files", () => {
  let place: Place;
  let built: Ran;
  beforeAll(() => {
    place = newPlace(user);
    const made = call(place, ["python3", "-c", MAKE_WHEEL, JSON.stringify(NAMES)]);
    expect(made.exitCode, made.stderr).toBe(0);
    put(place, "requirements.txt", "./hostile-1.0-py3-none-any.whl\n");
    put(place, "odd.sh", ODD_FILES);
    built = build(place, "pip-containerize", [
      "--prefix",
      "env",
      "--post-install",
      "odd.sh",
      "requirements.txt",
    ]);
  });
  afterAll(() => {
    runAs(user, ["chmod", "-R", "u+rwX", place.directory]);
    place[Symbol.dispose]();
  });
  const run = (name: string, ...args: string[]): Ran =>
    call(place, [join(at(place, "env"), "bin", name), ...args]);
  const inside = (...argv: string[]): string => run("_debug_exec", ...argv).stdout;

  it("is built, and nothing of a name was evaluated", () => {
    expectBuilt(place, built);
    expect(pwned(place)).toEqual([]);
  });

  it("offers every command that can be called, and each runs under its own name", () => {
    for (const name of NAMES) {
      const ran = run(name, "$(touch pwned)", "-rf");
      expect(ran.stdout, `${name}: ${ran.stderr}`).toBe(`ran: ${name}\nran: $(touch pwned)\nran: -rf\n`);
    }
    expect(run("outside", "%s", "the base's own").stdout).toBe("the base's own");
    expect(run("climbs").exitCode).toBe(0);
    expect(run("absolute", "-c", "import hostile; print(hostile.SUM)").stdout).toBe("42\n");
    // The set-id bits mean nothing inside.
    expect(run("setuid").stdout).toBe(`${user.uid}\n`);
    expect(pwned(place)).toEqual([]);
  });

  it("names what it cannot offer in a warning, and gives it no launcher", () => {
    const warnings = built.stderr.split("\n").filter((line) => line.includes("WARNING"));
    expect(warnings.join("\n")).toMatch(/links that lead to no program get no command: .*dangling.*looped/);
    expect(warnings.join("\n")).toMatch(/names that are not valid UTF-8 get no command: .*caf/);
    const names = readFileSync(at(place, "env/current/manifest.json"), "utf8");
    const { commands } = JSON.parse(names) as { commands: string[] };
    for (const name of ["dangling", "looped", "fifo", "python3.99"]) {
      expect(commands).not.toContain(name);
      expect(existsSync(join(at(place, "env"), "bin", name)), name).toBe(false);
    }
    expect(new Set(commands).size).toBe(commands.length);
  });

  it("keeps files as they are, readable for all, and only as large as they are", () => {
    const root = at(place, "env");
    expect(inside("cat", `${root}/secret-mode`)).toBe("x");
    expect(inside("cat", `${root}/closed/file`)).toBe("inside\n");
    expect(inside("stat", "-c", "%F %s", `${root}/sparse`)).toBe(`regular file ${300 * 1024 * 1024}\n`);
    expect(inside("stat", "-c", "%F", `${root}/share-fifo`)).toBe("fifo\n");
    expect(lstatSync(at(place, "env/current/env.sqfs")).size).toBeLessThan(100e6);
    // Extended attributes, of which access control lists are some, are not packed.
    expect(inside(join(root, "bin/python3"), "-c", `import os; print(os.listxattr("${root}/sparse"))`)).toBe(
      "[]\n",
    );
  });

  it("has a bill of materials, the same each time for the same moment", () => {
    const sbom = (): Ran => call(place, ["kapseli", "sbom", "env"], { env: { SOURCE_DATE_EPOCH: "0" } });
    const first = sbom();
    expect(first.exitCode, first.stderr).toBe(0);
    const { components, metadata } = JSON.parse(first.stdout);
    expect(metadata.timestamp).toBe("1970-01-01T00:00:00.000Z");
    const [hostile] = components.filter(({ name }: { name: string }) => name === "hostile");
    expect(hostile).toMatchObject({ version: "1.0", purl: expect.stringMatching(/^pkg:pypi\/hostile@1\.0/) });
    expect(sbom().stdout).toBe(first.stdout);
  });

  it("can be updated, and is the same again", () => {
    put(place, "more.txt", "./hostile-1.0-py3-none-any.whl\n");
    const updated = runAs(user, ["pip-containerize", "update", "-r", "more.txt", "env"], {
      cwd: place.directory,
      env: place.environment,
    });
    expectBuilt(place, updated);
    expect(run("$(touch pwned)").stdout).toBe("ran: $(touch pwned)\n");
    expect(run(LONGEST).exitCode).toBe(0);
    expect(pwned(place)).toEqual([]);
  });
});

describe("a directory that is wrapped", () => {
  let place: Place;
  beforeAll(() => {
    place = newPlace(user);
    put(place, "tool/bin/hello", "#!/bin/sh\necho hello\n", 0o755);
    mkdirSync(at(place, "tool/bin/python3"));
    own(at(place, "tool/bin/python3"), user);
    symlinkSync("/nowhere", at(place, "tool/absolute"));
    runAs(user, ["mkfifo", at(place, "tool/fifo")]);
  });
  afterAll(() => {
    runAs(user, ["chmod", "-R", "u+rwX", place.directory]);
    place[Symbol.dispose]();
  });
  const wrap = (...args: string[]): Ran =>
    runAs(user, ["wrap-install", "-w", "bin", ...args, "tool"], {
      cwd: place.directory,
      env: place.environment,
    });

  it("may hold a directory called python3, pipes and links to nowhere", () => {
    for (const [prefix, flag] of [["masked", "--mask"], ["copied"]] as const) {
      expectBuilt(place, wrap(...(flag ? [flag] : []), "--prefix", prefix));
      expect(call(place, [at(place, `${prefix}/bin/hello`)]).stdout).toBe("hello\n");
      expect(existsSync(at(place, `${prefix}/bin/python3`))).toBe(false);
    }
  });

  it("with a file that may not be read is refused by name, and nothing is left", () => {
    put(place, "tool/secret", "x");
    chmodSync(at(place, "tool/secret"), 0);
    if (userInfo().uid === 0) runAs({ ...user, uid: 0, gid: 0 }, ["chown", "0:0", at(place, "tool/secret")]);
    for (const flag of ["--mask", undefined]) {
      const ran = wrap(...(flag ? [flag] : []), "--prefix", "refused");
      expect(ran.exitCode, ran.stderr).not.toBe(0);
      expect(ran.stderr).toMatch(/tool\/?.*(?:secret|could not be copied)/);
      expect(ran.stderr).toContain("What to do: ");
      expectNothingLeft(place, at(place, "refused"));
    }
    runAs({ ...user, uid: userInfo().uid === 0 ? 0 : user.uid }, ["rm", "-f", at(place, "tool/secret")]);
  });

  it.runIf(userInfo().uid === 0)("with a device of root's is packed, and the device is dead inside", () => {
    const root = { name: "root", uid: 0, gid: 0, home: "/root" };
    runAs(root, ["mknod", "-m", "666", at(place, "tool/device"), "c", "1", "5"]);
    expectBuilt(place, wrap("--mask", "--prefix", "device"));
    const inside = (...argv: [string, ...string[]]): Ran =>
      call(place, [at(place, "device/bin/_debug_exec"), ...argv, at(place, "tool/device")]);
    expect(inside("stat", "-c", "%F").stdout).toBe("character special file\n");
    const read = inside("head", "-c", "1");
    expect([read.exitCode, read.stdout]).toEqual([1, ""]);
  });
});
