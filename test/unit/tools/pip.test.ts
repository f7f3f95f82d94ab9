import { describe, expect, it } from "vitest";
import {
  argvWithoutCache,
  explainPipFailure,
  installArgv,
  pipProgress,
  venvArgv,
} from "../../../src/tools/pip.ts";
import { outputOf } from "../../support/outputs.ts";

describe("pip's words", () => {
  it("make a venv", () =>
    expect(venvArgv("/usr/bin/python3", "/p", false)).toEqual(["/usr/bin/python3", "-m", "venv", "/p"]));

  it("make a venv that sees the system's packages", () =>
    expect(venvArgv("/usr/bin/python3", "/p", true)).toContain("--system-site-packages"));

  it("install a file into it, asking nobody and compiling nothing", () => {
    expect(installArgv("/p", "/r.txt", "/report.json")).toEqual([
      "/p/bin/python3",
      "-m",
      "pip",
      "install",
      "--no-compile",
      "--progress-bar",
      "off",
      "--no-input",
      "--disable-pip-version-check",
      "--report",
      "/report.json",
      "-r",
      "/r.txt",
    ]);
    expect(installArgv("/p", "/r.txt")).not.toContain("--report");
  });
});

describe("what pip is doing", () => {
  it.each([
    ["Collecting cowsay==6.1 (from -r r8 (line 1))", "collecting cowsay==6.1"],
    ["  Downloading cowsay-6.1-py3-none-any.whl (25 kB)", "downloading cowsay-6.1-py3-none-any.whl"],
    ["  Using cached https://h/a/numpy-1.0.whl#sha256=0 (1 MB)", "using cached numpy-1.0.whl"],
    ["  Building wheel for badw (pyproject.toml): started", "building wheel for badw"],
    ["Installing collected packages: a, b", "installing"],
    ["Successfully installed cowsay-6.1", undefined],
    ["Looking in links: /opt/wheels", undefined],
    ["", undefined],
  ])("%s", (line, said) => expect(pipProgress(line)).toBe(said));

  it("is said for a whole installation", () => {
    expect(outputOf("pip-good").flatMap((line) => pipProgress(line) ?? [])).toEqual([
      "collecting cowsay==6.1",
      "downloading cowsay-6.1-py3-none-any.whl",
      "installing",
    ]);
  });
});

describe("a pip that failed over its cache", () => {
  const argv: [string, ...string[]] = ["/bin/apptainer", "exec", ...installArgv("/p", "/r.txt")];
  const kept = "  Using cached http://h/a-1.0-py3-none-any.whl (46 kB)";
  const built = "Processing /home/u/.cache/pip/wheels/0a/b1/c2/a-1.0-py3-none-any.whl";

  it.each([
    [kept, "zipfile.BadZipFile: Bad CRC-32 for file 'a.py'"],
    [kept, "zlib.error: Error -3 while decompressing data: invalid block type"],
    [kept, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."],
    [built, "ERROR: Wheel 'a' located at /home/u/.cache/pip/wheels/0a/b1/c2/a.whl is invalid."],
  ])("is run without it: %s, %s", (from, said) => {
    const again = argvWithoutCache(argv, ["Collecting a", from, said]) ?? [""];
    expect(again.filter((word) => !argv.includes(word))).toEqual(["--no-cache-dir"]);
    expect(again.indexOf("--no-cache-dir")).toBe(again.indexOf("install") + 1);
    expect(again.filter((word) => word !== "--no-cache-dir")).toEqual(argv);
    expect(argvWithoutCache(again, [from, said])).toBeUndefined();
  });

  it.each([
    ["  Downloading a-1.0-py3-none-any.whl (46 kB)", "zipfile.BadZipFile: Bad CRC-32 for file 'a.py'"],
    [kept, "ERROR: Failed building wheel for b"],
    ["Processing ./wheels/a-1.0-py3-none-any.whl", "zipfile.BadZipFile: File is not a zip file"],
  ])("and not where something else failed: %s, %s", (from, said) =>
    expect(argvWithoutCache(argv, [from, said])).toBeUndefined(),
  );
});

describe("a failing pip", () => {
  it.each([
    [
      "pip-notfound",
      "pip found no version of nosuchpkg-kapseli-xyz==1 that fits",
      "No matching distribution",
    ],
    ["pip-noversion", "pip found no version of cowsay==99 that fits", "from versions: 1.0, 3.0"],
    ["pip-conflict", "the requirements contradict each other", "requests 2.20.0 depends on urllib3<1.25"],
    ["pip-hash", "a package does not have the hash that the requirements give", "Expected sha256 0000"],
    ["pip-build", "a package could not be built from its source", "no compiler"],
    ["pip-wheel", "a package could not be built from its source", "badw.c:1:1: error: unknown type name"],
    ["pip-network", "the package index could not be reached", "No matching distribution"],
    ["pip-cert", "the package index's certificate is not trusted", "No matching distribution"],
    ["pip-nofile", "pip could not read the requirements", "No such file or directory: 'nofile.txt'"],
    ["pip-invalid", "pip could not read the requirements", "Invalid requirement: 'foo=1'"],
  ])("%s: %s", (name, message, line) => {
    const error = explainPipFailure(outputOf(name), 1);
    expect(error).toMatchObject({ code: 5, message, details: { hint: expect.any(String) } });
    expect(error.details.lines?.join("\n")).toContain(line);
    expect(error.details.lines?.length).toBeLessThanOrEqual(20);
  });

  it("with a long build output shows how it began and how it ended", () => {
    const output = outputOf("pip-wheel");
    const at = output.findIndex((line) => line.includes("running bdist_wheel"));
    output.splice(at, 0, ...Array.from({ length: 500 }, (_, index) => `      copying file ${index}`));
    const lines = explainPipFailure(output, 1).details.lines ?? [];
    expect(lines).toHaveLength(20);
    expect(lines[0]).toContain("error: subprocess-exited-with-error");
    expect(lines.at(-1)).toContain("returned non-zero exit status 1.");
  });

  it("after a retry that helped is not blamed on the network", () => {
    const retry = outputOf("pip-network").filter((line) => line.startsWith("WARNING: Retrying"));
    expect(explainPipFailure([...retry, ...outputOf("pip-wheel")], 1).message).toBe(
      "a package could not be built from its source",
    );
  });

  it.each([
    ["OSError: [Errno 28] No space left on device", "there was no space left"],
    ["OSError: [Errno 122] Disk quota exceeded", "there was no space left"],
    ["/p/bin/python3: No module named pip", "the environment has no pip that could install requirements"],
  ])("%s", (line, message) => expect(explainPipFailure(["Collecting a", line], 1).message).toBe(message));

  it("that saw no version at all may have been refused by the index, which it names without credentials", () => {
    const none = [
      "ERROR: Could not find a version that satisfies the requirement a (from versions: none)",
      "ERROR: No matching distribution found for a",
    ];
    const looking = "Looking in indexes: https://me:secret@h/simple, https://token@i/simple";
    const { message, details } = explainPipFailure([looking, ...none], 1);
    expect(message).toBe("pip found no version of a that fits");
    expect(details.hint).toMatch(
      /^Check the name.* the index \(https:\/\/h\/simple, https:\/\/i\/simple\) may have refused/,
    );
    expect(explainPipFailure(none, 1).details.hint).toContain("the index may have refused to answer");
    const some = none.map((line) => line.replace("versions: none", "versions: 1, 2"));
    expect(explainPipFailure([looking, ...some], 1).details.hint).not.toContain("refused");
  });

  it("that ignores an http index says so, and not that there is no such package", () => {
    const ignored =
      "WARNING: The repository located at h.example:8080 is not a trusted or secure host and is being ignored. If this";
    const none = "ERROR: Could not find a version that satisfies the requirement a (from versions: none)";
    const { message, details } = explainPipFailure(
      [ignored, none, "ERROR: No matching distribution found for a"],
      1,
    );
    expect(message).toBe("pip ignores the package index: it is not encrypted");
    expect(details.hint).toContain("PIP_TRUSTED_HOST=h.example");
    expect(details.hint).not.toContain("8080");
    expect(explainPipFailure([ignored, "ERROR: ResolutionImpossible"], 1).message).toContain("contradict");
  });

  it("for an unknown reason shows its last lines", () => {
    expect(explainPipFailure(["one", "two"], 2)).toMatchObject({
      message: "pip failed with exit code 2",
      details: { lines: ["one", "two"] },
    });
  });
});
