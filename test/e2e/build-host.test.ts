import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  build,
  call,
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  newPlace,
  type Place,
  put,
  putEnv,
} from "../support/builds.ts";
import { baseEnvironment, installedBin, ordinary, runAs } from "../support/real.ts";

const isRoot = userInfo().uid === 0;

let place: Place;
beforeEach(() => {
  place = newPlace(ordinary());
  putEnv(place, "kapseli-binary-prefix");
});
afterEach(() => place[Symbol.dispose]());

const conda = (env: Record<string, string> = {}, ...args: string[]) =>
  build(place, "conda-containerize", ["--engine", "rattler", "--prefix", "env", ...args, "env.yml"], { env });

/** A PATH that has everything of the usual one but these programs. */
function pathWithout(...missing: string[]): string {
  const bin = put(place, "path");
  const directories = [installedBin(), "/usr/local/bin", "/usr/bin", "/usr/sbin"];
  const listed = spawnSync("sh", ["-c", 'for d do ls -1 "$d" | sed "s|^|$d/|"; done', "sh", ...directories], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  }).stdout.split("\n");
  for (const path of listed) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (name !== "" && !missing.includes(name) && !existsSync(join(bin, name)))
      symlinkSync(path, join(bin, name));
  }
  return bin;
}

/** Puts a script before everything else on PATH. */
function wrapper(name: string, script: string): { PATH: string } {
  put(place, `wrappers/${name}`, `#!/bin/sh\n${script}\n`, 0o755);
  return { PATH: `${join(place.directory, "wrappers")}:${baseEnvironment(place.user).PATH}` };
}

describe("a host that cannot is told so before anything is installed:", () => {
  const refused = (ran: ReturnType<typeof conda>, ...says: (string | RegExp)[]): void => {
    expectRefused(ran, 4, ...says);
    expect(ran.stdout).not.toContain("Installing packages");
    expectNothingLeft(place, join(place.directory, "env"));
  };

  it("no runtime on PATH", () => {
    refused(
      conda({ PATH: pathWithout("apptainer", "singularity") }),
      "neither apptainer nor singularity is on PATH",
      "module",
    );
  });

  it("a runtime that is something else", () => {
    refused(
      conda(wrapper("apptainer", "echo apptainer is a fruit")),
      "does not seem to be a valid apptainer",
      "singularity_executable_path",
    );
  });

  it("a runtime whose user namespaces are off", () => {
    // What unshare(2) gives where user.max_user_namespaces is 0; the message is Apptainer's own.
    const script = `case $1 in --version) exec /usr/bin/apptainer --version ;; esac
echo "ERROR  : Failed to create user namespace: user namespace disabled" >&2
exit 1`;
    refused(
      conda(wrapper("apptainer", script)),
      "cannot start containers for this user",
      "user.max_user_namespaces",
    );
  });

  it.skipIf(!isRoot)("real user namespaces that are off", () => {
    // A user namespace of its own, in which no further one may be made.
    const script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --no-new-privs "$@"';
    const ran = runAs(
      place.user,
      [
        "unshare",
        "--user",
        "--map-current-user",
        "--keep-caps",
        "sh",
        "-c",
        script,
        "sh",
        "conda-containerize",
        "new",
        "--engine",
        "rattler",
        "--prefix",
        "env",
        "env.yml",
      ],
      { cwd: place.directory, env: place.environment },
    );
    refused(ran, "cannot start containers for this user", "user namespaces");
  });

  it.skipIf(!isRoot)("no /dev/fuse", () => {
    // In a mount namespace of its own, the device is covered by one that refuses; the host keeps its own.
    const ran = inMountNamespace('mount --bind "$0/not-a-device" /dev/fuse');
    refused(ran, "FUSE does not work for this user", "/dev/fuse");
  });

  it.skipIf(!isRoot)("no mksquashfs", () => {
    // The directories of administrators' tools are looked at whatever PATH says: it is covered there.
    const ran = inMountNamespace(
      'for f in /usr/bin/mksquashfs /usr/sbin/mksquashfs; do [ ! -e $f ] || mount --bind "$0/not-a-device" $f; done',
    );
    refused(ran, "mksquashfs is not on this host", "squashfs-tools");
  });

  it("a mksquashfs that makes nothing", () => {
    refused(
      conda(wrapper("mksquashfs", "echo no >&2; exit 1")),
      "could not make an image in any of zstd, lz4 and gzip",
    );
  });

  it("nothing to install conda packages with", () => {
    const ran = build(place, "conda-containerize", ["--engine", "micromamba", "--prefix", "env", "env.yml"]);
    refused(ran, "nothing to install conda packages with", "micromamba");
  });

  it("an engine that is not there", () => {
    const ran = build(place, "conda-containerize", ["--engine", "mamba", "--prefix", "env", "env.yml"]);
    refused(ran, "the engine mamba is not on PATH", "--engine auto");
  });

  it("a Python that has no venv module", () => {
    put(place, "requirements.txt", "cowsay\n");
    // What Debian's python3 says of itself without python3-venv.
    const script = `case "$*" in *ensurepip*) echo '["/usr/bin/python3.11", "3.11.2", false]' ;; *) exec /usr/bin/python3 "$@" ;; esac`;
    const ran = build(place, "pip-containerize", ["--prefix", "env", "requirements.txt"], {
      env: wrapper("python3", script),
    });
    refused(ran, "cannot make a venv with pip in it", "python3-venv");
  });

  /** Runs the build as the user in a mount namespace that root has changed by a script; $0 is the place. */
  function inMountNamespace(script: string): ReturnType<typeof conda> {
    put(place, "not-a-device", "", 0o000);
    const root = { name: "root", uid: 0, gid: 0, home: "/root" };
    const { uid, gid } = place.user;
    const become = `exec setpriv --reuid ${uid} --regid ${gid} --clear-groups "$@"`;
    return runAs(
      root,
      [
        "unshare",
        "--mount",
        "sh",
        "-c",
        `${script}\n${become}`,
        place.directory,
        "conda-containerize",
        "new",
        "--engine",
        "rattler",
        "--prefix",
        "env",
        "env.yml",
      ],
      { cwd: place.directory, env: { ...baseEnvironment(place.user), ...place.environment } },
    );
  }
});

describe("a mksquashfs without zstd", () => {
  it.each([
    ["lz4", "zstd"],
    ["gzip", "zstd lz4"],
  ])("gives an image in %s that works", (compression, without) => {
    const refusals = without
      .split(" ")
      .map((name) => `*"-comp ${name}"*`)
      .join(" | ");
    const script = `case "$*" in ${refusals}) echo "FATAL ERROR: Compressor not supported" >&2; exit 1 ;; esac
exec /usr/bin/mksquashfs "$@"`;
    const built = conda(wrapper("mksquashfs", script));
    expectBuilt(place, built);
    const prefix = join(place.directory, "env");
    const { image } = JSON.parse(readFileSync(join(prefix, "current/manifest.json"), "utf8"));
    expect(image.compression).toBe(compression);
    expect(call(place, [join(prefix, "bin/kapseli-binary-prefix")]).stdout).toContain(prefix);
  });

  it("and without -action still gives modes that others can read", () => {
    putEnv(place, "kapseli-private-modes");
    const script = `case "$*" in *-action*) echo "FATAL ERROR: -action: unknown option" >&2; exit 1 ;; esac
exec /usr/bin/mksquashfs "$@"`;
    expectBuilt(place, conda(wrapper("mksquashfs", script)));
    const prefix = join(place.directory, "env");
    const argv = ["stat", "-c", "%a", join(prefix, "share/kapseli-private-modes/data")] as const;
    expect(call(place, [join(prefix, "bin/_debug_exec"), ...argv]).stdout).toBe("644\n");
  });
});

describe.skipIf(!isRoot)("no space", () => {
  let small = "";
  const sized = (kilobytes: number): string => {
    small = join(place.directory, "small");
    mkdirSync(small);
    const ran = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k,mode=0755`, "tmpfs", small], {
      encoding: "utf8",
    });
    expect(ran.stderr).toBe("");
    chownSync(small, place.user.uid, place.user.gid);
    chmodSync(small, 0o755);
    return small;
  };
  const unmount = (): void => {
    spawnSync("umount", [small]);
  };
  it("in the build directory is said before anything is installed", () => {
    try {
      const refused = conda({}, "--tmpdir", sized(64_000));
      expectRefused(refused, 4, `the build directory ${small}/cw-`, "MiB is needed", "--tmpdir");
      expect(call(place, ["ls", small]).stdout).toBe("");
    } finally {
      unmount();
    }
    expectNothingLeft(place, join(place.directory, "env"));
  });

  it("in the prefix is said before anything is installed", () => {
    try {
      const prefix = join(sized(16_000), "env");
      const refused = conda({}, "--prefix", prefix);
      expectRefused(refused, 4, `the prefix ${prefix} has only`, "MiB is needed", "--prefix");
      expect(call(place, ["ls", "-A", small]).stdout).toBe("");
    } finally {
      unmount();
    }
    expectNothingLeft(place, join(place.directory, "env"));
  });

  /** A package whose build takes all the room there is left in the small file system. */
  const greedy = (): string => {
    put(
      place,
      "big/setup.py",
      `from setuptools import setup
with open(${JSON.stringify(join(place.directory, "small", "filler"))}, "wb", buffering=0) as f:
    try:
        while True: f.write(bytes(1 << 20))
    except OSError: pass
setup(name="big", version="1", py_modules=["big"])
`,
    );
    put(place, "big/big.py", "pass\n");
    return put(place, "requirements.txt", "./big\n");
  };

  it.each([["pip"], ["uv"]])(
    "that runs out while %s installs is said in those words, and nothing is left",
    (engine) => {
      try {
        const flags = engine === "uv" ? ["--uv"] : [];
        const args = [...flags, "--prefix", "env", "--tmpdir", sized(540_000), greedy()];
        const refused = build(place, "pip-containerize", args);
        expectRefused(refused, 5, "no space left", "--tmpdir");
        expect(call(place, ["ls", "-A", small]).stdout).toBe("filler\n");
      } finally {
        unmount();
      }
      expectNothingLeft(place, join(place.directory, "env"));
    },
  );

  it("that runs out in the prefix while packing leaves no prefix", () => {
    try {
      const prefix = join(sized(68_000), "env");
      const refused = build(place, "pip-containerize", ["--uv", "--prefix", prefix, greedy()]);
      expectRefused(refused, 6, `no space left in ${prefix}`, "prefix");
      expect(call(place, ["ls", "-A", small]).stdout).toBe("filler\n");
    } finally {
      unmount();
    }
    expectNothingLeft(place, join(place.directory, "env"));
  });
});
