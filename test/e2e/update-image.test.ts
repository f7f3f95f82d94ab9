/**
 * How an update changes an image: below an overlay where the host can, with what changed joined to the image, else
 * unpacked and packed; the result is the same.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { fileSystemOf } from "../../src/host/file-systems.ts";
import { findHostProgram } from "../../src/host/host-programs.ts";
import { openOverlay } from "../../src/host/overlay.ts";
import { isFasterUnpacked } from "../../src/plan/unpacking.ts";
import overlayScript from "../../src/templates/overlay.sh";
import { type Disk, quotaDisk } from "../faults/disks.ts";
import {
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  listing,
  newPlace,
  own,
  type Place,
  put,
  putEnv,
  start,
  until,
} from "../support/builds.ts";
import { manifestOf, says, script, type, typeWell } from "../support/compat-place.ts";
import { baseEnvironment, ordinary, remove, testUsers } from "../support/real.ts";
import { contents, keep } from "../support/trees.ts";

/** Everything that can be done to files that an image holds. */
const CHANGES = [
  'cd "$env_root"',
  "echo new >share/new; rm share/gone; rm -r share/directory",
  "mkdir share/directory; echo again >share/directory/again",
  "mv share/moved share/there; ln share/kept share/kept-too; ln -s kept share/link",
  "chmod 750 share/mode; : >share/empty; rm share/was-link; echo file >share/was-link",
  "mkdir -p a/b/c; echo deep >a/b/c/deep",
];
const BEFORE = [
  'cd "$env_root"; mkdir -p share/directory share/moved/below',
  "for name in kept gone mode directory/file moved/below/file; do echo $name >share/$name; done",
  "ln -s kept share/was-link; ln share/kept share/same",
];

describe.each(testUsers())("an update by $name", (user) => {
  let place: Place;
  let restore: () => void;
  let expected: Map<string, string> | undefined;
  const at = (name: string): string => join(place.directory, name);
  const image = (generation: number): string => at(`env/generations/${generation}/env.sqfs`);
  /** Every path of an image with its mode, owner and what it holds; not the mark, which is each build's own. */
  const held = (generation: number): Map<string, string> => {
    typeWell(place, ["unsquashfs", "-no-progress", "-dest", "held", image(generation)]);
    const found = contents(at("held"));
    typeWell(place, ["rm", "-rf", "held"]);
    return new Map([...found].filter(([name]) => !name.startsWith(".kapseli/")));
  };
  /** Puts programs before the host's, each of them a line of sh. @returns the environment with them. */
  const standIns = (programs: Record<string, string>): { PATH: string } => {
    for (const [name, line] of Object.entries(programs))
      put(place, `bin/${name}`, `#!/bin/sh\n${line}\n`, 0o755);
    return { PATH: `${at("bin")}:${baseEnvironment(user).PATH}` };
  };
  /** In memory, where an image is not unpacked because that would be faster. */
  let memory = "";
  const update = (env: Record<string, string> = {}) =>
    type(place, ["conda-containerize", "update", "--post-install", "changes.sh", "env"], {
      env: { CW_BUILD_TMPDIR: memory, ...env },
    });
  const log = (): string => readFileSync(at("env/current/build.log"), "utf8");
  const refuse = "echo refused >&2; exit 1";

  beforeAll(() => {
    place = newPlace(user);
    memory = mkdtempSync("/dev/shm/kapseli-update-");
    own(memory, user);
    const file = putEnv(place, "kapseli-versions=1.0, kapseli-binary-prefix");
    const before = script(place, "before.sh", ...BEFORE);
    const args = ["--post-install", before, "--prefix", "env", file] as const;
    expectBuilt(place, type(place, ["conda-containerize", "new", ...args]));
    script(place, "changes.sh", ...CHANGES);
    restore = keep(place, "env");
  });
  beforeEach(() => {
    restore();
    typeWell(place, ["rm", "-rf", "bin"]);
  });
  afterAll(() => {
    place?.[Symbol.dispose]();
    if (memory !== "") remove(memory);
  });

  it.each<[string, Record<string, string>, string | undefined]>([
    ["an overlay of the kernel's", {}, undefined],
    [
      "fuse-overlayfs, where the kernel refuses",
      { mount: `case $2 in overlay) ${refuse} ;; esac\nexec /bin/mount "$@"` },
      undefined,
    ],
    ["unpacked, where no namespaces can be made", { unshare: refuse }, "status 1"],
    [
      "unpacked, where nothing overlays",
      { mount: refuse, "fuse-overlayfs": refuse },
      "no overlay can be mounted",
    ],
    [
      "unpacked, where the image cannot be mounted",
      // The runtime needs it, too.
      {
        squashfuse_ll: `case $* in *lower) ${refuse} ;; esac\nexec /usr/bin/squashfuse_ll "$@"`,
        squashfuse: refuse,
      },
      "the image cannot be mounted",
    ],
    ["unpacked, where the runtime does not start there", { nsenter: refuse }, "a container cannot write"],
  ])("changes it by %s", (_way, programs, unpacked) => {
    const ran = update(standIns(programs));
    expectBuilt(place, ran);
    expect(readdirSync(memory)).toEqual([]);
    expect(ran.stderr).toBe("");
    expect(/all of the tree is packed.*/.exec(log())?.[0]).toBeUndefined();
    if (unpacked === undefined) {
      expect(log()).not.toContain("the image is unpacked");
      expect(log()).toContain("/changes.sqfs -noappend");
    } else expect(log()).toContain(`the image is unpacked: ${unpacked}`);
    expect(ran.stdout).toContain(`${unpacked === undefined ? "Opening" : "Copying"} the environment in`);
    const found = held(2);
    expect(found.get("share/mode")).toMatch(/^755? /);
    expect(found.has("share/gone")).toBe(false);
    expect(found.has("share/directory/file")).toBe(false);
    expect(found.get("share/there/below/file")).toBe(held(1).get("share/moved/below/file"));
    expect(found.get("share/kept-too")).toBe(found.get("share/kept"));
    expected ??= found;
    expect(found).toEqual(expected);
    expect(says(place, [at("env/bin/kapseli-versions")])).toBe("1.0");
  });

  /** Makes the image anew with mksquashfs' own words, as earlier versions and other tools did. */
  const repack = (...words: string[]): void => {
    const tree = at("repacked");
    typeWell(place, ["unsquashfs", "-no-progress", "-dest", tree, image(1)]);
    typeWell(place, ["rm", "-f", image(1)]);
    typeWell(place, ["mksquashfs", tree, image(1), "-no-progress", ...words]);
    typeWell(place, ["rm", "-rf", tree]);
    const manifest = at("env/generations/1/manifest.json");
    const sha256 = createHash("sha256")
      .update(readFileSync(image(1)))
      .digest("hex");
    const old = manifestOf(at("env"));
    writeFileSync(manifest, JSON.stringify({ ...old, image: { ...old.image, sha256 } }));
  };
  const packedWhole = (): string | undefined => /all of the tree is packed: .*: (.*)/.exec(log())?.[1];

  it("joins what changed also where the build directory is a disk", () => {
    expectBuilt(place, update({ CW_BUILD_TMPDIR: place.work }));
    expect(log()).not.toContain("the image is unpacked");
    expect(packedWhole()).toBeUndefined();
    expect(held(2)).toEqual(expected);
  });

  it("changes one with compressed inodes unpacked where the build directory is a disk on which that is faster", async () => {
    repack("-comp", "zstd");
    const disk = await fileSystemOf(place.work);
    const isFaster = isFasterUnpacked(disk, statSync(image(1)).size);
    expectBuilt(place, update({ CW_BUILD_TMPDIR: place.work }));
    expect(log().includes("the image is unpacked: on this disk that is faster")).toBe(isFaster);
    expect(held(2)).toEqual(expected);
  });

  it("packs all of one whose files belong to somebody else and whose inodes are compressed", () => {
    repack("-all-root", "-comp", "zstd");
    expectBuilt(place, update());
    expect(log()).not.toContain("the image is unpacked");
    expect(packedWhole()).toBe("its inodes are compressed");
    expect(held(2)).toEqual(expected);
  });

  it.each([
    ["another compression", ["-comp", "gzip"]],
    ["another level", ["-comp", "zstd", "-Xcompression-level", "9"]],
  ])("packs all of one that has %s than is packed with today", (_which, words) => {
    repack("-noI", ...words);
    expectBuilt(place, update());
    expect(packedWhole()).toBe("it is packed in another way than today");
    expect(held(2)).toEqual(expected);
  });

  it.each([
    ["lz4", "fast"],
    ["zstd", "small"],
  ])("joins what changed to an image of %s, level %s", (_compression, level) => {
    const file = putEnv(place, "kapseli-versions=1.0, kapseli-binary-prefix");
    const args = ["--compress", level, "--post-install", "before.sh", "--prefix", "env", file] as const;
    expectBuilt(place, type(place, ["conda-containerize", "new", ...args]));
    expectBuilt(place, update());
    expect(packedWhole()).toBeUndefined();
    expect(held(3)).toEqual(expected);
  });

  it("joins to a joined one, time after time, and to large directories; all of it is found in the container", () => {
    const steps = [
      "mkdir share/many; cd share/many; seq -f 'module-with-a-long-name-%06g' 3000 | xargs touch",
    ];
    for (const number of [1, 2, 3])
      steps.push(`cd share/many; seq -f 'more-${number}-%g' 200 | xargs touch; rm *00`);
    for (const step of steps) {
      const changes = script(place, "step.sh", `cd "$env_root"; ${step}`);
      expectBuilt(place, type(place, ["conda-containerize", "update", "--post-install", changes, "env"]));
      expect(packedWhole()).toBeUndefined();
    }
    const many = at("env/share/many");
    const test = `cd '${many}'; for name in $(ls -f | grep -); do [ -f "$name" ] || echo "$name"; done; ls | wc -l`;
    // Of 3000 and 600 names those that end with 00 are gone.
    expect(says(place, [at("env/bin/_debug_exec"), "sh", "-c", test])).toBe(`${3000 - 30 + 600 - 6}`);
    const unpacked = held(5);
    expect([...unpacked.keys()].filter((name) => name.startsWith("share/many/"))).toHaveLength(3564);
    expect(manifestOf(at("env")).image?.entries).toBe(unpacked.size + 1);
    typeWell(place, ["kapseli", "verify", "env"]);
  });

  it("packs all of it when much of what was joined is of no use any more", () => {
    const changes = script(place, "step.sh", 'head -c 3000000 /dev/urandom >"$env_root/share/large"');
    const again = (): number => {
      expectBuilt(place, type(place, ["conda-containerize", "update", "--post-install", changes, "env"]));
      return statSync(at("env/current/env.sqfs")).size;
    };
    const [once, twice] = [again(), again()];
    expect(packedWhole()).toBe("too much of it is of no use any more");
    expect(Math.abs(twice - once)).toBeLessThan(10_000);
  });

  it.each(["KILL", "TERM"])(
    "takes all back when mksquashfs is ended by SIG%s while it packs the changes",
    (signal) => {
      const before = listing(at("env"));
      const mksquashfs = `case $* in *changes.sqfs*) kill -${signal} $$ ;; esac\nexec /usr/bin/mksquashfs "$@"`;
      expectRefused(update(standIns({ mksquashfs })), 6, "mksquashfs failed");
      expectNothingLeft(place, at("env"), before);
      expect(readdirSync(memory)).toEqual([]);
    },
  );

  it.each([
    ["what changed", 6_000_000, "mksquashfs"],
    ["both together", 3_000_000, "EFBIG"],
  ])("says that the image cannot be written when %s is larger than a file may be", (_what, bytes, said) => {
    const more = (name: string, size: number): string =>
      script(
        place,
        `${name}.sh`,
        `for part in 1 2; do head -c ${size / 2} /dev/urandom >"$env_root/${name}$part"; done`,
      );
    expectBuilt(
      place,
      type(place, ["conda-containerize", "update", "--post-install", more("a", 3_000_000), "env"]),
    );
    const before = listing(at("env"));
    const limited = `trap '' XFSZ; ulimit -f 4000; exec conda-containerize update --post-install ${more("b", bytes)} env`;
    expectRefused(type(place, ["bash", "-c", limited]), 6, said);
    expectNothingLeft(place, at("env"), before);
  });

  it("packs all of one whose files belong to somebody else, so that all come to belong to the same", () => {
    repack("-noI", "-all-root", "-comp", "zstd", "-Xcompression-level", "3");
    expectBuilt(place, update());
    expect(packedWhole()).toBe(user.uid === 0 ? undefined : "it is packed in another way than today");
    const owners = typeWell(place, ["unsquashfs", "-lln", image(2)]).stdout.match(/ \d+\/\d+ /g);
    expect([...new Set(owners)]).toEqual([` ${user.uid}/${user.gid} `]);
  });

  it("packs what a script left without the right to read it", () => {
    const changes = script(place, "step.sh", 'cd "$env_root"; mkdir a; echo b >a/b; chmod 0 a/b a');
    expectBuilt(place, type(place, ["conda-containerize", "update", "--post-install", changes, "env"]));
    if (user.uid !== 0) expect(packedWhole()).toBe('"/a" cannot be read');
    const listed = typeWell(place, ["unsquashfs", "-lls", image(2)]).stdout;
    expect(listed).toMatch(/^dr-xr-xr-x .* squashfs-root\/a$/m);
    expect(listed).toMatch(/^-r--r--r-- .* squashfs-root\/a\/b$/m);
  });

  it("refuses one with a byte changed, which SquashFS itself would not notice", () => {
    const bytes = readFileSync(image(1));
    const middle = Math.floor(bytes.length / 2);
    bytes[middle] = 0xff & ~(bytes[middle] ?? 0);
    writeFileSync(image(1), bytes);
    const before = listing(at("env"));
    const refused = type(place, ["conda-containerize", "update", "env"]);
    expectRefused(refused, 3, `${image(1)} is damaged`, "sha256", "Restore the file, or build");
    expectNothingLeft(place, at("env"), before);
  });

  it("leaves no mount and no process when it is killed outright, and the next one works", async () => {
    const waiting = script(place, "waiting.sh", `touch '${at("waits")}'`, "sleep 2");
    typeWell(place, ["rm", "-f", "waits"]);
    const words = ["conda-containerize", "update", "--post-install", waiting, "env"] as const;
    const running = start(place, words, { CW_BUILD_TMPDIR: memory });
    await until("the script", () => existsSync(at("waits")));
    process.kill(running.pid, "SIGKILL");
    expect(await running.ended).toBe("SIGKILL");
    const mounts = (): string[] =>
      readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .filter((line) => line.includes(place.directory));
    expect(mounts()).toEqual([]);
    const servers = (): string =>
      type(place, ["/bin/sh", "-c", `ps -eo args | grep -v grep | grep -F '${at("env")}' | grep squashfuse`])
        .stdout;
    await until("the end of what served the image", () => servers() === "");
    expectBuilt(place, update());
    expect(readdirSync(memory)).toEqual([]);
  });
});

describe.runIf(process.getuid?.() === 0)(
  "an overlay in memory that holds no attributes (as before Linux 6.6)",
  () => {
    let place: Place;
    let memory = "";
    beforeAll(() => {
      place = newPlace({ name: "root", uid: 0, gid: 0, home: "/root" });
      memory = mkdtempSync("/var/tmp/kapseli-ramfs-");
      expect(spawnSync("mount", ["-t", "ramfs", "ramfs", memory]).status).toBe(0);
    });
    afterAll(() => {
      place?.[Symbol.dispose]();
      spawnSync("umount", [memory]);
      if (memory !== "") remove(memory);
    });

    it("is one in which directories of the image can be replaced", async () => {
      typeWell(place, ["mkdir", "-p", "tree/directory/below"]);
      typeWell(place, ["mksquashfs", "tree", "image.sqfs", "-no-progress"]);
      const find = (name: string): string => findHostProgram([name], process.env.PATH) ?? "";
      const overlay = await openOverlay({
        programs: {
          unshare: find("unshare"),
          nsenter: find("nsenter"),
          squashfuse: find("squashfuse"),
          fuseOverlayfs: find("fuse-overlayfs"),
        },
        script: overlayScript,
        image: join(place.directory, "image.sqfs"),
        directory: memory,
        environment: baseEnvironment(place.user),
        uid: 0,
        onLine: () => undefined,
      });
      if ("reason" in overlay) throw new Error(overlay.reason);
      const [program, ...words] = overlay.enter;
      const test = `cd ${memory}/tree && rm -r directory && mkdir directory && ls -A directory`;
      const ran = spawnSync(program, [...words, "sh", "-c", test], { encoding: "utf8" });
      await overlay.close();
      expect(ran).toMatchObject({ status: 0, stdout: "", stderr: "" });
    });
  },
);

describe.runIf(process.getuid?.() === 0)(
  "an update on a file system that shares blocks between files",
  () => {
    let place: Place;
    let disk: Disk | undefined;
    beforeAll(() => {
      place = newPlace(ordinary());
      disk = quotaDisk(join(place.directory, "disk"), place.user);
    });
    afterAll(() => {
      disk?.[Symbol.dispose]();
      place?.[Symbol.dispose]();
    });

    it("makes an image that takes hardly any room, also of one that is protected", ({ skip }) => {
      if (!disk) return skip("there is no Btrfs here");
      const prefix = join(disk.path, "env");
      const random = (name: string, bytes: number): string =>
        script(place, `${name}.sh`, `head -c ${bytes} /dev/urandom >"$env_root/${name}"`);
      const file = putEnv(place, "kapseli-versions=1.0");
      const build = (...words: string[]): void =>
        expectBuilt(place, type(place, ["conda-containerize", ...words]));
      build("new", "--post-install", random("large", 20_000_000), "--prefix", prefix, file);
      typeWell(place, ["chmod", "444", join(prefix, "generations/1/env.sqfs")]);
      build("update", "--post-install", random("small", 2000), prefix);
      typeWell(place, ["sync", "-f", prefix]);
      const usage = typeWell(place, [
        "btrfs",
        "filesystem",
        "du",
        "--raw",
        join(prefix, "generations/2/env.sqfs"),
      ]);
      const [total, exclusive] =
        usage.stdout.trim().split("\n").at(-1)?.trim().split(/\s+/).map(Number) ?? [];
      expect(total).toBeGreaterThan(20_000_000);
      expect(exclusive).toBeLessThan(1_000_000);
      expect(statSync(join(prefix, "generations/2/env.sqfs")).mode & 0o777).toBe(0o644);
      typeWell(place, ["kapseli", "verify", prefix]);
    });
  },
);
