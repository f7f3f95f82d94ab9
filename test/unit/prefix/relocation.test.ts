import { describe, expect, it } from "vitest";
import { KapseliError } from "../../../src/errors.ts";
import {
  isByteCodeOf,
  isLeft,
  recordedFiles,
  recordWithHashes,
  refuseTooLong,
  relocateBinary,
  relocatePath,
  relocateText,
  treatment,
} from "../../../src/prefix/relocation.ts";

const MOVE = { from: "/a/env", to: "/new/place" };
const text = (before: string, move = MOVE): string | undefined =>
  relocateText(Buffer.from(before), move)?.toString();

describe("a text with the old path", () => {
  it.each([
    ["/a/env", "/new/place"],
    ["prefix=/a/env\n", "prefix=/new/place\n"],
    ['x = "/a/env/lib"; y = "/a/env"', 'x = "/new/place/lib"; y = "/new/place"'],
    ["-I/a/env/include -L/a/env/lib", "-I/new/place/include -L/new/place/lib"],
    ["-Wl,-rpath,/a/env/lib -isystem/a/env/x", "-Wl,-rpath,/new/place/lib -isystem/new/place/x"],
    ["file:///a/env/src", "file:///new/place/src"],
    ["/usr:/a/env/bin:/bin", "/usr:/new/place/bin:/bin"],
    ['printf "x\\n/a/env\\n"', 'printf "x\\n/new/place\\n"'],
    ["It is in /a/env.", "It is in /new/place."],
    ["/a/env/a/env", "/new/place/a/env"],
  ])("has the new one: %j", (before, after) => {
    expect(text(before)).toBe(after);
  });

  it.each([
    "/a/env2/bin",
    "/a/env_old",
    "/a/env-old/x",
    "/a/env.bak",
    "/a/envü",
    "/mnt/a/env",
    "mnt/a/env",
    "~/a/env",
    "../a/env",
    "/data-/a/env",
  ])("is left where it is part of another path: %j", (before) => {
    expect(text(before)).toBeUndefined();
  });

  it("keeps bytes that are no UTF-8, and paths that are", () => {
    const before = Buffer.concat([Buffer.from("/ä/env \xe4 ", "latin1"), Buffer.from("/ä/env")]);
    const after = relocateText(before, { from: "/ä/env", to: "/ö" });
    expect(after).toEqual(Buffer.concat([Buffer.from("/ä/env \xe4 ", "latin1"), Buffer.from("/ö")]));
  });
});

describe("a script's first line", () => {
  const long = `/new/${"x".repeat(130)}`;

  it("has the interpreter's new path", () => {
    expect(text("#!/a/env/bin/python3 -sE\nx\n")).toBe("#!/new/place/bin/python3 -sE\nx\n");
  });

  it("that would be too long for the kernel becomes the lines that sh and Python understand", () => {
    expect(text("#!/a/env/bin/python3.11 -s\nimport x\n", { from: "/a/env", to: long })).toBe(
      `#!/bin/sh\n'''exec' "${long}/bin/python3.11" -s "$0" "$@"\n' '''\nimport x\n`,
    );
  });

  it("with a space in the interpreter's path becomes them, too", () => {
    expect(text("#!/a/env/bin/python\nx\n", { from: "/a/env", to: "/my place" })).toBe(
      `#!/bin/sh\n'''exec' "/my place/bin/python" "$0" "$@"\n' '''\nx\n`,
    );
  });

  it("of another interpreter finds it on PATH where its path is too long", () => {
    expect(text("#!/a/env/bin/perl\nx\n", { from: "/a/env", to: long })).toBe("#!/usr/bin/env perl\nx\n");
    expect(text("#!/a/env/bin/perl -w\nx\n", { from: "/a/env", to: long })).toBe(
      "#!/usr/bin/env -S perl -w\nx\n",
    );
  });

  it("with which pip went around a long path keeps its form", () => {
    expect(text(`#!/bin/sh\n'''exec' "/a/env/bin/python3" "$0" "$@"\n' '''\nx\n`)).toBe(
      `#!/bin/sh\n'''exec' "/new/place/bin/python3" "$0" "$@"\n' '''\nx\n`,
    );
  });

  it("is not touched where only what follows holds the path", () => {
    expect(text(`#!/bin/sh ${"x".repeat(140)}\n/a/env\n`)).toBe(`#!/bin/sh ${"x".repeat(140)}\n/new/place\n`);
  });
});

describe("a venv's own files", () => {
  it("pyvenv.cfg keeps its home and has the new place in its command", () => {
    expect(text("home = /usr/bin\ncommand = /usr/bin/python3 -m venv /a/env\n")).toBe(
      "home = /usr/bin\ncommand = /usr/bin/python3 -m venv /new/place\n",
    );
  });

  it.each([
    ['VIRTUAL_ENV="/a/env"', 'VIRTUAL_ENV="/my place"'],
    ["VIRTUAL_ENV=/a/env", "VIRTUAL_ENV='/my place'"],
    ["    export VIRTUAL_ENV=/a/env", "    export VIRTUAL_ENV='/my place'"],
    ["setenv VIRTUAL_ENV /a/env", "setenv VIRTUAL_ENV '/my place'"],
    ["set -gx VIRTUAL_ENV /a/env", "set -gx VIRTUAL_ENV '/my place'"],
    ["setenv VIRTUAL_ENV '/a/env'", "setenv VIRTUAL_ENV '/my place'"],
  ])("an activation script has quotes where the new path needs them: %s", (before, after) => {
    expect(text(`x\n${before}\ny\n`, { from: "/a/env", to: "/my place" })).toBe(`x\n${after}\ny\n`);
  });
});

describe("a link's target", () => {
  it.each([
    ["/a/env", "/new/place"],
    ["/a/env/lib/x.so", "/new/place/lib/x.so"],
    ["/a/env2/lib", "/a/env2/lib"],
    ["../a/env/lib", "../a/env/lib"],
  ])("%s becomes %s", (before, after) => {
    expect(relocatePath(before, MOVE)).toBe(after);
  });
});

describe("a binary file in which an installer wrote the old path", () => {
  /** As conda leaves a string that held a placeholder of `room` bytes. */
  const installed = (string: string, room: number, path = MOVE.from): Buffer => {
    const places = string.split("@").length - 1;
    const body = Buffer.from(string.replaceAll("@", path));
    return Buffer.concat([body, Buffer.alloc((room - path.length) * places + 1)]);
  };
  const around = (middle: Buffer): Buffer =>
    Buffer.concat([Buffer.from("\x7fELF\0before\0"), middle, Buffer.from("after\0")]);

  it.each(["@", "@/lib", "-L@/lib -I@/include", "x=@/lib:/a/env2"])(
    "has the longer new one in %j, in the room that the placeholder left, as if it were installed there",
    (string) => {
      const before = around(installed(string, 40));
      expect(relocateBinary(before, MOVE)).toEqual({
        bytes: around(installed(string, 40, MOVE.to)),
        left: 0,
      });
    },
  );

  it("has a shorter new one, padded, and comes back the way it went", () => {
    const before = around(installed("@/lib:@", 40));
    const there = relocateBinary(before, { from: MOVE.from, to: "/b" }).bytes ?? Buffer.alloc(0);
    expect(there).toEqual(around(installed("@/lib:@", 40, "/b")));
    expect(relocateBinary(there, { from: "/b", to: MOVE.from }).bytes).toEqual(before);
  });

  it("fills the room to its last byte", () => {
    const before = around(installed("@/lib", MOVE.to.length));
    expect(relocateBinary(before, MOVE).bytes).toEqual(around(installed("@/lib", MOVE.to.length, MOVE.to)));
  });

  it("keeps a string that has no room behind it and counts it", () => {
    const before = around(installed("@/lib:@", MOVE.from.length));
    expect(relocateBinary(before, MOVE)).toEqual({ bytes: undefined, left: 2 });
    const endless = Buffer.from("\0x/a/env/lib");
    expect(relocateBinary(endless, { from: "/a/env", to: "/b" })).toEqual({ bytes: undefined, left: 1 });
  });

  it("is as it was where it only holds a longer name", () => {
    expect(relocateBinary(around(Buffer.from("/a/env2/lib\0\0\0\0\0\0")), MOVE)).toEqual({
      bytes: undefined,
      left: 0,
    });
  });
});

describe("conda's records", () => {
  const record = (paths: unknown): string =>
    JSON.stringify({ name: "tool", timestamp: 1700000000000, paths_data: { paths, paths_version: 1 } });

  it("name the files that hold the prefix, how, and how much room there is", () => {
    const json = record([
      { _path: "bin/a", prefix_placeholder: "/placeholder", file_mode: "binary", sha256: "1" },
      { _path: "bin/b", prefix_placeholder: "/placeholder" },
      { _path: "bin/c", file_mode: "text" },
      { _path: "bin/d", prefix_placeholder: "", file_mode: "unheard-of" },
      { _path: "bin/e", sha256: "1" },
      "nonsense",
      { prefix_placeholder: "/placeholder" },
    ]);
    expect(recordedFiles(json)).toEqual([
      { path: "bin/a", package: "tool", mode: "binary", room: 12 },
      { path: "bin/b", package: "tool", mode: undefined, room: 12 },
      { path: "bin/c", package: "tool", mode: "text", room: undefined },
    ]);
  });

  it.each(["", "[]", "null", "{", '{"name": "x"}', '{"paths_data": 3}', '{"paths_data": {"paths": {}}}'])(
    "that are damaged name none: %s",
    (json) => {
      expect(recordedFiles(json)).toEqual([]);
      expect(recordWithHashes(json, new Map([["x", "1"]]))).toBeUndefined();
    },
  );

  it("get the new checksums of rewritten files and keep everything else", () => {
    const json = record([
      { _path: "bin/a", sha256_in_prefix: "old", sha256: "package's" },
      { _path: "bin/b", sha256_in_prefix: "old" },
      { _path: "bin/c" },
    ]);
    const after = recordWithHashes(
      json,
      new Map([
        ["bin/a", "new"],
        ["bin/c", "new"],
      ]),
    );
    expect(JSON.parse(after ?? "")).toEqual(
      JSON.parse(
        record([
          { _path: "bin/a", sha256_in_prefix: "new", sha256: "package's" },
          { _path: "bin/b", sha256_in_prefix: "old" },
          { _path: "bin/c" },
        ]),
      ),
    );
    expect(recordWithHashes(json, new Map())).toBeUndefined();
  });

  it("say which packages have no room for a path, how much they have, and what would fit", () => {
    const file = (name: string, room: number | undefined, mode: "text" | "binary") => ({
      path: `bin/${name}`,
      package: name,
      mode,
      room,
    });
    const files = [file("a", 255, "binary"), file("b", 20, "binary"), file("t", 5, "text")];
    expect(() => refuseTooLong(files, { from: "/a/env", to: "/x".repeat(10) })).not.toThrow();
    const refused = (): unknown => {
      try {
        return refuseTooLong([...files, file("c", undefined, "binary")], {
          from: "/a/env",
          to: "/x".repeat(11),
        });
      } catch (error) {
        return error;
      }
    };
    const error = refused() as KapseliError;
    expect(error).toBeInstanceOf(KapseliError);
    expect(error.code).toBe(3);
    expect(error.message).toContain("has 22 bytes, and b has room for 20 (bin/b)");
    expect(error.details).toEqual({
      others: ["c has room for 6 (bin/c)"],
      hint: "Choose a path of at most 6 bytes, or build the environment anew there.",
    });
  });
});

describe("what is done with a file", () => {
  const file = (mode: "text" | "binary" | undefined) => ({ path: "x", package: "p", mode, room: 255 });
  it.each([
    ["a text that nobody recorded", undefined, false, "text"],
    ["a binary file that nobody recorded", undefined, true, "unknown"],
    ["a recorded binary file", file("binary"), true, "binary"],
    ["a recorded file of an unsaid kind with a NUL", file(undefined), true, "binary"],
    ["a recorded file of an unsaid kind without one", file(undefined), false, "text"],
    ["a recorded text with a NUL", file("text"), true, "text"],
    ["a recorded binary file that is a text now", file("binary"), false, "text"],
  ] as const)("%s", (_name, recorded, binary, how) => {
    expect(treatment(recorded, binary)).toBe(how);
  });

  it("leaves byte code and what tells of the past", () => {
    const paths = [
      "lib/python3.11/__pycache__/x.cpython-311.pyc",
      "conda-meta/history",
      "lib/python3.11/site-packages/x-1.dist-info/RECORD",
      "lib/python3.11/site-packages/x-1.dist-info/direct_url.json",
    ];
    expect(paths.map(isLeft)).toEqual([true, true, true, true]);
    expect(["conda-meta/x.json", "history", "RECORD"].map(isLeft)).toEqual([false, false, false]);
  });

  it("knows a source's byte code by its name", () => {
    const names = ["x.cpython-311.pyc", "x.cpython-311.opt-1.pyc", "x.pyc", "xy.cpython-311.pyc", "x.py"];
    expect(names.filter((name) => isByteCodeOf("x.py", name))).toEqual(names.slice(0, 3));
  });
});
