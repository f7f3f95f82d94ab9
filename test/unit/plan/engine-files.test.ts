import { describe, expect, it } from "vitest";
import { condaFileForEngine, movedPipLine, pipSectionFile } from "../../../src/plan/engine-files.ts";
import { inputOf } from "../../support/plan-inputs.ts";

const moved = (line: string, directory = "/home/u/p") => movedPipLine(line, directory);

describe("a line of a pip: section, for a file in another directory", () => {
  it.each([
    // relative to the file: made absolute
    ["-r reqs.txt", "-r /home/u/p/reqs.txt"],
    ["-rreqs.txt", "-r/home/u/p/reqs.txt"],
    ["  -r  reqs.txt", "  -r  /home/u/p/reqs.txt"],
    ["--requirement=../reqs.txt", "--requirement=/home/u/reqs.txt"],
    ["--requirement reqs.txt # ours", "--requirement /home/u/p/reqs.txt # ours"],
    ["-c constraints.txt", "-c /home/u/p/constraints.txt"],
    ["--constraint=c.txt", "--constraint=/home/u/p/c.txt"],
    ["-e .", "-e /home/u/p"],
    ["-e .[dev]", "-e /home/u/p[dev]"],
    ["--editable ./sub[a,b]", "--editable /home/u/p/sub[a,b]"],
    ["-f wheels", "-f /home/u/p/wheels"],
    ["--find-links=./wheels", "--find-links=/home/u/p/wheels"],
    [".", "/home/u/p"],
    ["./pkg", "/home/u/p/pkg"],
    ["../pkg", "/home/u/pkg"],
    [".[dev]", "/home/u/p[dev]"],
    ["./pkg[a] ; python_version > '3'", "/home/u/p/pkg[a] ; python_version > '3'"],
    ["wheels/a-1.0-py3-none-any.whl", "/home/u/p/wheels/a-1.0-py3-none-any.whl"],
    ["a-1.0-py3-none-any.whl", "/home/u/p/a-1.0-py3-none-any.whl"],
    ["a-1.0.tar.gz --hash=sha256:00", "/home/u/p/a-1.0.tar.gz --hash=sha256:00"],
  ])("%s", (line, absolute) => expect(moved(line)).toBe(absolute));

  it.each([
    "numpy==1.26",
    "name[extra]>=1; python_version < '3.9' and platform_machine == 'a/b'",
    "name;extra=='a/b'",
    "name @ file:///home/x/name-1.0.tar.gz",
    "name@https://host/name-1.0.tar.gz",
    "git+https://host/r.git@v1#egg=r",
    "git+ssh://git@host/r.git",
    "file:./a.whl",
    "https://host/a-1.0-py3-none-any.whl",
    "/abs/pkg",
    "-r /abs/reqs.txt",
    "-r https://host/reqs.txt",
    "-c file:///abs/c.txt",
    "-e git+https://host/r.git#egg=r",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: pip fills it in
    "-r ${HOME}/reqs.txt",
    "--index-url https://host/simple",
    "-i https://host/simple",
    "--extra-index-url https://host/a/b",
    "--no-binary :all:",
    "--pre",
    "--requirementless x",
    "zope.zip",
    "$(touch pwned)",
    "# ./comment",
    "",
  ])("%s stays as it is", (line) => expect(moved(line)).toBe(line));

  it.each([
    ["-r reqs.txt", "-r '/home/my dir/it'\\''s/reqs.txt'"],
    ["-e .[dev]", "-e '/home/my dir/it'\\''s[dev]'"],
    ["-c c.txt # ours", "-c '/home/my dir/it'\\''s/c.txt' # ours"],
    // Only options are read as a shell would.
    ["./pkg", "/home/my dir/it's/pkg"],
  ])("%s in a directory with odd characters", (line, absolute) =>
    expect(moved(line, "/home/my dir/it's")).toBe(absolute),
  );

  it("makes the requirements file of the section", () => {
    const input = inputOf(
      "conda",
      "/home/u/p/env.yml",
      "dependencies:\n  - pip\n  - pip:\n    - ./a\n    - numpy\n",
    );
    if (input.content.format !== "environment-yml" || !input.content.value.pip) throw new Error("no pip:");
    expect(pipSectionFile(input, input.content.value.pip, "/here/pip.txt")).toEqual({
      path: "/here/pip.txt",
      content: "/home/u/p/a\nnumpy\n",
    });
  });
});

describe("the env.yml that an engine reads", () => {
  const engineFile = (content: string | Uint8Array, path = "/home/u/p/env.yml") =>
    condaFileForEngine(inputOf("conda", path, content), "/here/inputs");

  it("is the user's bytes where nothing in it is relative", () => {
    const text = "# mine\ndependencies:\n  - python   # here\n  - pip:\n    - numpy>=1\n";
    expect(engineFile(text)).toEqual({
      path: "/here/inputs/environment.yml",
      content: Buffer.from(text),
    });
  });

  it.each([
    ["a plain line", "- ./a", "- /home/u/p/a"],
    ["double quotes", '- "-r r.txt"', '- "-r /home/u/p/r.txt"'],
    ["single quotes", "- '-e .[dev]'", "- '-e /home/u/p[dev]'"],
    ["a comment behind", "- -r r.txt # ours", "- -r /home/u/p/r.txt # ours"],
  ])("has only the path changed in %s", (_what, before, after) => {
    const text = (line: string) => `dependencies:\n  - pip\n  - pip:\n    ${line}\n    - numpy # ./a\n`;
    expect(engineFile(text(before)).content).toBe(text(after));
  });

  it("changes the lines of a block text", () => {
    const text = "dependencies:\n  - pip\n  - pip:\n    - |\n      numpy\n      -r r.txt\n";
    expect(engineFile(text).content).toBe(text.replace("r.txt", "/home/u/p/r.txt"));
  });

  it("changes several on one line", () => {
    const text = "dependencies:\n  - pip\n  - pip: [./a/b, ./a, '../a']\n";
    expect(engineFile(text).content).toBe(
      "dependencies:\n  - pip\n  - pip: [/home/u/p/a/b, /home/u/p/a, '/home/u/a']\n",
    );
  });

  it("keeps CRLF line ends", () => {
    const text = "dependencies:\r\n  - pip\r\n  - pip:\r\n    - ./a\r\n    - numpy\r\n";
    expect(engineFile(text).content).toBe(text.replace("./a", "/home/u/p/a"));
  });

  it.each([
    ["little", "utf16le"],
    ["big", "utf16be"],
  ])("is UTF-8 when UTF-16 (%s endian) had to be changed", (_what, encoding) => {
    const text = "dependencies:\n  - pip\n  - pip:\n    - ./a\n";
    const bytes = Buffer.from(`\ufeff${text}`, "utf16le");
    if (encoding === "utf16be") bytes.swap16();
    expect(engineFile(bytes).content).toBe(text.replace("./a", "/home/u/p/a"));
  });

  it.each([
    ["- ./a", `- "/home/it's: #1/a"`],
    ["- './a'", "- '/home/it''s: #1/a'"],
    ['- "./a"', `- "/home/it's: #1/a"`],
  ])("stays YAML in a directory with odd characters: %s", (before, after) => {
    const text = (line: string) => `dependencies:\n  - pip\n  - pip:\n    ${line}\n`;
    expect(engineFile(text(before), "/home/it's: #1/env.yml").content).toBe(text(after));
  });

  it.each([
    ["@EXPLICIT\nhttps://host/linux-64/a-1-0.conda\n", "/p/list.txt", "explicit.txt"],
    ["numpy\npython=3\n", "/p/list.txt", "specs.txt"],
  ])("a list goes on as it is", (text, path, name) => {
    expect(engineFile(text, path)).toEqual({ path: `/here/inputs/${name}`, content: Buffer.from(text) });
  });
});
