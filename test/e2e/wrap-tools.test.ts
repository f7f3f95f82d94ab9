import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { smallTree } from "../support/base-image.ts";
import {
  expectBuilt,
  expectNothingLeft,
  expectRefused,
  newPlace,
  type Place,
  put,
} from "../support/builds.ts";
import { manifestOf, says, script, siteFile, type, typeWell } from "../support/compat-place.ts";
import { ordinary } from "../support/real.ts";
import { contents, keep } from "../support/trees.ts";

let place: Place;
const at = (name: string): string => join(place.directory, name);
beforeAll(() => {
  place = newPlace(ordinary());
});
afterAll(() => place?.[Symbol.dispose]());

describe("wrap-install", () => {
  const wrap = (...args: string[]) => type(place, ["wrap-install", ...args]);
  let restore: () => void;
  beforeAll(() => {
    const soft = at("soft/tool");
    put(place, "soft/tool/share/text", "text of the tool\n");
    put(place, "soft/tool/lib/libtool.so.1", "no library\n");
    put(place, "soft/tool/bin/hello", `#!/bin/sh\ncat "${soft}/share/text"; echo "$0"\n`, 0o755);
    put(place, "soft/tool/bin/beside", '#!/bin/sh\ncat "$(dirname "$0")/../share/text"\n', 0o755);
    put(place, "soft/tool/bin/start", '#!/bin/sh\n"$@"\n', 0o755);
    put(place, "soft/tool/bin/data.txt", "no program\n");
    put(place, "soft/tool/libexec/single", "#!/bin/sh\necho single\n", 0o755);
    symlinkSync("hello", join(soft, "bin/link"));
    symlinkSync("tool", at("soft/default"));
    restore = keep(place, "soft");
  });
  beforeEach(() => {
    restore();
    typeWell(place, ["rm", "-rf", "wrapped"]);
  });
  const run = (name: string, ...args: string[]): string => says(place, [at(`wrapped/bin/${name}`), ...args]);

  it("masked: paths in the software stay valid when the directory is gone; its own paths are the image's", () => {
    expectBuilt(place, wrap("--mask", "-w", "bin,libexec/single", "--prefix", "wrapped", "soft/default"));
    typeWell(place, ["rm", "-r", "soft/tool"]);
    expect(run("hello").split("\n")).toEqual(["text of the tool", at("soft/tool/bin/hello")]);
    expect(run("link")).toContain("text of the tool");
    expect(run("beside")).toBe("text of the tool");
    expect(run("single")).toBe("single");
    expect(run("start", "ls", at("soft/tool")).split("\n")).toEqual(["bin", "lib", "libexec", "share"]);
    const names = readdirSync(at("wrapped/bin")).sort();
    expect(names).toEqual(["_debug_exec", "_debug_shell", "beside", "hello", "link", "single", "start"]);
    expect(manifestOf(at("wrapped")).wrapped).toEqual({ directory: at("soft/tool"), masked: true });
  });

  it("masked: the prefix may take the directory's place and be called there", () => {
    expectBuilt(place, wrap("--mask", "-w", "bin", "--prefix", "wrapped", "soft/tool"));
    typeWell(place, ["rm", "-r", "soft/tool"]);
    typeWell(place, ["mv", "wrapped", "soft/tool"]);
    const bin = (name: string): string => at(`soft/tool/bin/${name}`);
    expect(says(place, [bin("hello")])).toContain("text of the tool");
    expect(says(place, [bin("beside")])).toBe("text of the tool");
    expect(says(place, [bin("start"), bin("hello")])).toContain("text of the tool");
    expect(says(place, [at("soft/default/bin/hello")])).toContain("text of the tool");
  });

  it("not masked: the copy has a path of its own, the directory stays the host's, and a relative -w begins there", () => {
    expectBuilt(place, wrap("-w", `bin,libexec,/usr/bin/printf`, "--prefix", "wrapped", "soft/tool"));
    const { mount } = manifestOf(at("wrapped")).location;
    put(place, "soft/tool/share/text", "changed on the host\n");
    expect(run("hello").split("\n")[0]).toBe("changed on the host");
    expect(run("beside")).toBe("text of the tool");
    expect(run("start", "cat", join(mount, "share/text"))).toBe("text of the tool");
    expect(run("single")).toBe("single");
    expect(run("printf", "%s", "absolute")).toBe("absolute");
    expect(run("start", "printenv", "LD_LIBRARY_PATH").split(":")).toContain(join(mount, "lib"));
    typeWell(place, ["mv", "wrapped", "moved"]);
    expect(says(place, [at("moved/bin/beside")])).toBe("text of the tool");
    typeWell(place, ["rm", "-r", "moved"]);
  });

  it.each([
    ["masked", ["--mask"]],
    ["not masked", []],
  ])("%s: scripts before and after see and change the copy, never the directory", (_what, flags) => {
    const before = contents(at("soft/tool"));
    const pre = script(place, "pre.sh", 'kept="from pre"; ls "$CW_INSTALLATION_PATH" | wc -l');
    const post = script(
      place,
      "post.sh",
      'echo "changed, $kept" >"$CW_INSTALLATION_PATH/share/text"',
      'printf "#!/bin/sh\\necho added\\n" >"$CW_INSTALLATION_PATH/bin/added"',
      'chmod 755 "$CW_INSTALLATION_PATH/bin/added"; rm "$CW_INSTALLATION_PATH/bin/link"',
    );
    const args = ["--pre-install", pre, "--post-install", post, "-w", "bin", "--prefix", "wrapped"];
    expectBuilt(place, wrap(...flags, ...args, "soft/tool"));
    expect(run("beside")).toBe("changed, from pre");
    expect(run("added")).toBe("added");
    expect(existsSync(at("wrapped/bin/link"))).toBe(false);
    expect(contents(at("soft/tool"))).toEqual(before);
  });

  it("refuses a directory with files that the user may not read, which mksquashfs would make empty", () => {
    typeWell(place, ["chmod", "000", "soft/tool/share/text"]);
    const refused = wrap("--mask", "-w", "bin", "--prefix", "wrapped", "soft/tool");
    expectRefused(refused, 3, `you may not read ${at("soft/tool/share/text")}`);
    expectNothingLeft(place, at("wrapped"));
  });

  it("refuses what cannot be, and leaves nothing", () => {
    const before = contents(at("soft"));
    const refusals: [string[], ...(string | RegExp)[]][] = [
      [["--prefix", "wrapped", "soft/tool"], "requires -w"],
      [["-w", "nowhere", "--prefix", "wrapped", "soft/tool"], "nowhere is not there"],
      [["-w", "../..", "--prefix", "wrapped", "soft/tool"], "leads out of"],
      [["-w", "share", "--prefix", "wrapped", "soft/tool"], "nothing that can be called"],
      [["-w", "bin", "--prefix", "wrapped", "soft/none"], "does not exist"],
      [["-w", "bin", "--prefix", "wrapped", "soft/tool/share/text"], "is no directory"],
      [["-w", "bin", "--prefix", "soft/tool/inside", "soft/tool"], "--in-place"],
    ];
    for (const [args, ...words] of refusals) {
      const ran = wrap(...args);
      expect([3, 7]).toContain(ran.exitCode);
      expectRefused(ran, ran.exitCode ?? -1, ...words);
      expectNothingLeft(place, at("wrapped"));
    }
    expect(contents(at("soft"))).toEqual(before);
    expectBuilt(place, wrap("-w", "bin", "--prefix", "wrapped", "soft/tool"));
    const update = type(place, ["conda-containerize", "update", "wrapped"]);
    expectRefused(update, 3, "made by wrap-install, which cannot be updated");
    expectRefused(wrap("-w", "bin", "--prefix", "again", "wrapped"), 3, "is a prefix already");
  });
});

describe("wrap-container", () => {
  const wrap = (...args: string[]) => type(place, ["wrap-container", ...args]);
  const command = (prefix: string, name: string): string => at(`${prefix}/bin/${name}`);
  beforeAll(() => {
    smallTree(place, "tree", "of the container");
    put(place, "tree/opt/own/bin/own", '#!/bin/sh\necho "own: $*"\n', 0o755);
    put(place, "host-data/file", "the host's\n");
    typeWell(place, ["apptainer", "-q", "build", "image.sif", "tree"], {
      env: { APPTAINER_TMPDIR: place.temporary },
    });
  });

  const expectWrapped = (prefix: string): void => {
    expect(says(place, [command(prefix, "own"), "a b", "*"])).toBe("own: a b *");
    expect(says(place, [command(prefix, "cat"), "/etc/kapseli-release"])).toBe("of the container");
    expect(type(place, [command(prefix, "sh"), "-c", "exit 7"]).exitCode).toBe(7);
    expect(says(place, [command(prefix, "_debug_exec"), "cat", "/etc/kapseli-release"])).toBe(
      "of the container",
    );
    expect(existsSync(at(`${prefix}/img.sqfs`))).toBe(false);
  };

  it("wraps a SIF, by directories and single files, without bash in it; the file may be gone afterwards", () => {
    typeWell(place, ["cp", "image.sif", "to-wrap.sif"]);
    expectBuilt(place, wrap("-w", "/bin,/opt/own/bin/own", "--prefix", "sif", "to-wrap.sif"));
    typeWell(place, ["rm", "to-wrap.sif"]);
    expectWrapped("sif");
    expect(readFileSync(at("sif/container.sif")).equals(readFileSync(at("image.sif")))).toBe(true);
    typeWell(place, ["mv", "sif", "sif-moved"]);
    expectWrapped("sif-moved");
  });

  it("wraps a sandbox directory where it is, named by a relative path", () => {
    expectBuilt(place, wrap("-w", "/bin,/opt/own/bin", "--prefix", "sandbox", "tree"));
    expectWrapped("sandbox");
    expect(says(place, [command("sandbox", "own"), "elsewhere"], { cwd: "/" })).toBe("own: elsewhere");
  });

  it("is isolated: the host's PATH, programs and directories are not seen, but for the mount points", () => {
    const site = siteFile(place, { mount_points: [at("host-data")] });
    expectBuilt(
      place,
      type(place, ["wrap-container", "-w", "/bin", "--prefix", "isolated", "image.sif"], { env: site }),
    );
    const path = says(place, [command("isolated", "sh"), "-c", 'echo "$PATH"'], {
      env: { PATH: "/kapseli-host:/usr/bin:/bin" },
    });
    expect(path.split(":")).not.toContain("/kapseli-host");
    expect(says(place, [command("isolated", "cat"), at("host-data/file")])).toBe("the host's");
    expect(type(place, [command("isolated", "ls"), "/usr/bin/python3"]).exitCode).not.toBe(0);
    expect(type(place, [command("isolated", "ls"), "/usr/share"]).exitCode).not.toBe(0);
    expect(says(place, [command("isolated", "sh"), "-c", "cat host-data/file"])).toBe("the host's");
  });

  it("keeps --environ, and configuration of a YAML file goes together with the command line's", () => {
    put(place, "environ.sh", "export KAPSELI_ENVIRON=set\n");
    put(
      place,
      "more.yaml",
      "wrapper_paths: [/opt/own/bin]\nextra_envs:\n  - {name: KAPSELI_EXTRA, value: extra, type: set}\n",
    );
    const args = ["-w", "/bin/cat,/bin/sh", "-y", "more.yaml", "--prefix", "configured", "image.sif"];
    expectBuilt(place, wrap(...args));
    expect(says(place, [command("configured", "own"), "1"])).toBe("own: 1");
    expect(says(place, [command("configured", "sh"), "-c", 'echo "$KAPSELI_EXTRA"'])).toBe("extra");
    const environ = ["--environ", "environ.sh", "-w", "/bin", "--prefix", "environ", "image.sif"];
    expectBuilt(place, wrap(...environ));
    expect(says(place, [command("environ", "sh"), "-c", 'echo "$KAPSELI_ENVIRON"'])).toBe("set");
  });

  it("refuses what cannot be, and leaves nothing", () => {
    put(place, "no-image.sif", "no image\n");
    const refusals: [string[], ...(string | RegExp)[]][] = [
      [["--prefix", "refused", "image.sif"], "requires -w"],
      [["-w", "bin", "--prefix", "refused", "image.sif"], "Only absolute paths are accepted"],
      [["-w", "/nowhere", "--prefix", "refused", "image.sif"], "/nowhere is not there"],
      [["-w", "/bin", "--prefix", "refused", "nowhere.sif"], "nowhere.sif"],
      [["-w", "/bin", "--prefix", "refused", "no-image.sif"], "no-image.sif"],
    ];
    for (const [args, ...words] of refusals) {
      const ran = wrap(...args);
      expect([3, 4]).toContain(ran.exitCode);
      expectRefused(ran, ran.exitCode ?? -1, ...words);
      expectNothingLeft(place, at("refused"));
    }
  });
});
