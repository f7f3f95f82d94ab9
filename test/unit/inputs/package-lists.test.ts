import { expect, it } from "vitest";
import { reading, saidOfList } from "../../support/inputs-table.ts";

it.each<[title: string, content: string, said: string[]]>([
  [
    "faults at their lines",
    "numpy\nscipy=1.2 # ok\nnumpy>==1\n  $(x)\n",
    [
      'note 3:1 the package "numpy" is listed twice (first on line 1): both constraints must hold',
      'error 3:6 ">==" is no version operator: expected one of = == != <= >= < > ~=',
      "error 4:3 invalid package name `$(x)`: expected letters, digits and . _ -",
    ],
  ],
  ["comments only", "# c\n", ["error - the list names no package: expected one conda package on each line"]],
  [
    "a list made elsewhere",
    "# platform: win-64\na=1=b\n",
    ["warning 1:1 the list was made for `win-64`: its builds may not exist for linux-64"],
  ],
  [
    "packages that pip had installed",
    "a=1=b\nx=1=pypi_0\ny=1=pypi_0\n",
    ["warning 2:1 2 packages were installed by pip (build pypi_0), which conda cannot find: x, y"],
  ],
  [
    "too many words",
    "numpy 1.2 py_0 conda-forge\n",
    ["error 1:10 expected at most a version and a build after the name"],
  ],
  [
    "a package twice",
    "a=1\na=2\n",
    ['warning 2:1 the package "a" is listed twice (first on line 1): both constraints must hold'],
  ],
])("lists of specs are checked: %s", (_title, content, said) => {
  expect(saidOfList(content)).toEqual(said);
});

it.each<[title: string, content: string, said: string[]]>([
  [
    "no package",
    "@EXPLICIT\n",
    ["error - the list names no package: expected the address of a package file on each line"],
  ],
  [
    "hashes",
    "@EXPLICIT\nhttps://x.org/c/linux-64/a-1-0.conda#d41d8cd98f00b204e9800998ecf8427e\nhttps://x.org/c/linux-64/b-2-0.conda#xyz\nhttps://x.org/c/noarch/c-1-0.tar.bz2#sha256:abc\n",
    [
      "error 3:38 expected an MD5 (32 hexadecimal digits) or SHA-256 (64, in lower case) after #, as in #sha256:…, found `xyz`",
      "error 4:38 expected an MD5 (32 hexadecimal digits) or SHA-256 (64, in lower case) after #, as in #sha256:…, found `sha256:abc`",
    ],
  ],
  [
    "another platform",
    "@EXPLICIT\nhttps://x.org/c/linux-64/a-1-0.conda\nhttps://x.org/c/win-64/b-1-0.conda\n  https://x.org/c/win-64/c-1-0.conda\n",
    ["error 3:1 2 packages are for win-64: expected linux-64 or noarch"],
  ],
  [
    "lines that are no package file",
    "@EXPLICIT\nnumpy\nhttps://x.org/c/linux-64/foo.conda\nhttps://x.org/c/a2-1-0.conda\n@FOO\n",
    [
      "error 2:1 expected the address of a .conda or .tar.bz2 package file, found `numpy`",
      "error 3:1 expected a file name `name-version-build.conda`, found `foo.conda`",
      "error 4:1 expected a platform such as linux-64 or noarch before the file name, found `c`",
      "error 5:1 unknown marker `@FOO`: expected @EXPLICIT",
    ],
  ],
  [
    "two addresses on a line",
    "@EXPLICIT\nhttps://x.org/c/noarch/q-1-0.conda https://x.org/c/noarch/q-1-0.conda\n",
    [
      "error 2:1 expected one address on a line, found `https://x.org/c/noarch/q-1-0.conda https://x.org/c/noarch/q-1-0.conda`",
    ],
  ],
  [
    "a package twice",
    "@EXPLICIT\nhttps://x.org/c/noarch/q-1-0.conda\nhttps://x.org/c/noarch/q-1-0.conda\nhttps://x.org/c/noarch/q-2-0.conda\n",
    [
      'warning 3:1 the package "q" is listed twice (first on line 2)',
      'warning 4:1 two files of the package "q" are listed (first on line 2): expected one',
    ],
  ],
])("explicit lists are checked: %s", (_title, content, said) => {
  expect(saidOfList(content)).toEqual(said);
});

it("a list of specs gives its packages", () => {
  const { format, value, diagnostics } = reading("conda", "l.txt", "# c\nnumpy=1.2\n\n  scipy >=1 # why\n");
  expect([format, diagnostics]).toEqual(["spec-list", []]);
  expect(value).toEqual({
    dependencies: [
      { text: "numpy=1.2", name: "numpy", version: "=1.2", line: 2, column: 1 },
      { text: "scipy >=1", name: "scipy", version: ">=1", line: 4, column: 3 },
    ],
  });
});

it("an explicit list gives its packages with their hashes", () => {
  const md5 = "d41d8cd98f00b204e9800998ecf8427e";
  const sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  const content = `# c\r\n@EXPLICIT\r\nhttps://x/c/linux-64/a-b-1.0-py_0.conda#${md5}\r\nhttps://x/c/noarch/c-2-1.tar.bz2#sha256:${sha256}\r\nhttps://x/c/noarch/d-2-1.tar.bz2\r\n`;
  const { format, value, diagnostics } = reading("conda", "l.txt", content);
  expect([format, diagnostics]).toEqual(["explicit", []]);
  expect(value).toEqual({
    packages: [
      {
        url: "https://x/c/linux-64/a-b-1.0-py_0.conda",
        name: "a-b",
        version: "1.0",
        build: "py_0",
        subdir: "linux-64",
        hash: { algorithm: "md5", value: md5 },
        line: 3,
      },
      {
        url: "https://x/c/noarch/c-2-1.tar.bz2",
        name: "c",
        version: "2",
        build: "1",
        subdir: "noarch",
        hash: { algorithm: "sha256", value: sha256 },
        line: 4,
      },
      {
        url: "https://x/c/noarch/d-2-1.tar.bz2",
        name: "d",
        version: "2",
        build: "1",
        subdir: "noarch",
        line: 5,
      },
    ],
  });
});

it("an explicit list for another platform is in order there", () => {
  const list = "@EXPLICIT\nhttps://x/c/linux-aarch64/a-1-0.conda\n";
  expect(reading("conda", "l.txt", list, {}, { platform: "linux-aarch64" }).diagnostics).toEqual([]);
});
