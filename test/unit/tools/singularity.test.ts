import { describe, expect, it } from "vitest";
import {
  bindMount,
  type ContainerCall,
  execArgv,
  explainRuntimeFailure,
  imageOptions,
  parseVersion,
  standardFlags,
} from "../../../src/tools/singularity.ts";

const runtime = { path: "/usr/bin/apptainer", family: "apptainer" as const, version: "1.4.5" };
const call = (over: Partial<ContainerCall> = {}) =>
  execArgv({ runtime, flags: [], base: "/base", binds: [], mounts: [], argv: ["/bin/true"], ...over });

describe("the words that start a container", () => {
  it("are no more than needed", () =>
    expect(call()).toEqual(["/usr/bin/apptainer", "-s", "exec", "/base", "/bin/true"]));

  it("have the image after every other mount", () => {
    const words = call({
      flags: ["--userns"],
      home: "/home/u",
      pwd: "/w",
      binds: ["/etc", "/home"],
      mounts: [{ source: "/s", destination: "/d" }],
      image: { file: "/e.sqfs", root: "/p", way: { way: "image" } },
      argv: ["sh", "-c", "exit 3"],
    });
    expect(words).toEqual([
      "/usr/bin/apptainer",
      "-s",
      "exec",
      "--userns",
      "-H",
      "/home/u",
      "--pwd",
      "/w",
      "-B",
      "/etc,/home",
      "--mount",
      'type=bind,"src=/s","dst=/d"',
      "--mount",
      'type=bind,"src=/e.sqfs","dst=/p",image-src=/,ro',
      "/base",
      "sh",
      "-c",
      "exit 3",
    ]);
  });

  it.each([
    ["host", "cwd,home,tmp"],
    ["image", "cwd"],
  ] as const)("evaluate nothing and mount no more than asked on a %s base", (base, list) =>
    expect(standardFlags(base)).toEqual(["--no-eval", "--no-mount", list]),
  );
});

describe("the ways to mount an image", () => {
  it.each([
    ["image", { way: "image" }, ["--mount", 'type=bind,"src=/e.sqfs","dst=/p",image-src=/,ro']],
    [
      "session",
      { way: "session", sessionDirectory: "/var/s" },
      [
        "--mount",
        'type=bind,"src=/e.sqfs","dst=/.kapseli-image",image-src=/,ro',
        "--mount",
        'type=bind,"src=/var/s/data-images/0","dst=/p"',
      ],
    ],
    [
      "fusemount",
      { way: "fusemount", squashfuse: "/b/sq" },
      ["--fusemount", '"host:setsid /b/sq /e.sqfs /p"'],
    ],
  ] as const)("%s", (_name, way, words) => expect(imageOptions("/e.sqfs", "/p", way)).toEqual(words));

  it("carry every character of a path", () => {
    expect(bindMount({ source: '/a:b,c "d"', destination: "/it's", readOnly: true })).toBe(
      'type=bind,"src=/a:b,c ""d""","dst=/it\'s",ro',
    );
  });
});

describe("--version", () => {
  it.each([
    ["apptainer version 1.4.5\n", "apptainer", "1.4.5"],
    ["singularity-ce version 4.1.2-focal\n", "singularity-ce", "4.1.2-focal"],
    ["singularity version 3.8.7-1.el8\n", "singularity-ce", "3.8.7-1.el8"],
    ["WARNING: x\napptainer version 1.3.0\n", "apptainer", "1.3.0"],
    ["hello\n", "unknown", "unknown"],
  ])("%j", (printed, family, version) =>
    expect(parseVersion("/r", printed)).toEqual({ path: "/r", family, version }),
  );
});

describe("what a runtime's own errors mean", () => {
  // Texts of SingularityCE 4.4.2, 3.11.5 and Apptainer 1.4.5 (runtime.md, singularity-ce.md).
  it.each([
    [
      "FATAL:   configuration disallows users from running sandbox containers",
      "does not allow this kind of base",
    ],
    [
      "FATAL:   container creation failed: fusermount3: failed to open /dev/fuse: Permission denied",
      "FUSE does not work",
    ],
    ["FATAL:   could not open /dev/fuse: No such file or directory", "FUSE does not work"],
    [
      "ERROR  : Failed to create user namespace: not allowed to create user namespace",
      "cannot start containers for this user",
    ],
    [
      "FATAL:   while Requesting capability set: operation not permitted",
      "cannot start containers for this user",
    ],
    [
      "ERROR  : No setuid installation found, for unprivileged installation use: ./mconfig --without-suid",
      "cannot start containers",
    ],
    [
      "FATAL:   mount failed: failed to find loop device: could not attach image: no loop devices available",
      "no loop device is free",
    ],
    ["FATAL:   failed to create /p directory: mkdir /p: permission denied", "cannot make the mount point"],
    [
      "FATAL:   the image's architecture (arm64) could not run on the host's (amd64)",
      "another processor architecture",
    ],
    ["FATAL:   fork/exec /bin/true: exec format error", "another processor architecture"],
    ["FATAL:   something new", "could not start a container"],
  ])("%s", (stderr, message) => {
    const explained = explainRuntimeFailure(`\x1b[31m${stderr}\x1b[0m\n\n`);
    expect(explained.message).toContain(message);
    expect(explained.hint).not.toBe("");
    expect(explained.lines).toEqual([stderr]);
  });

  it("are the last ten lines of many", () => {
    const many = Array.from({ length: 30 }, (_, index) => `line ${index}`).join("\n");
    expect(explainRuntimeFailure(many).lines).toHaveLength(10);
  });
});
