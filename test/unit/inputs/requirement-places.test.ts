// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is pip's syntax for environment variables
import { expect, it } from "vitest";
import { saidOfPip } from "../../support/inputs-table.ts";

it.each<[title: string, content: string, said: string[]]>([
  [
    "checkouts",
    "-e .\n-e ..\n-e pkg\n-e ./nope[x]\n-e empty\n",
    [
      "warning 1:1 -e `.` needs the checkout beside the file: no directory with pyproject.toml or setup.py is there",
      "warning 2:1 -e `..` needs the checkout above the file: no directory with pyproject.toml or setup.py is there",
      "note 3:1 -e `pkg` leaves the package in its checkout: it must stay where it is for the environment to work",
      "error 4:1 -e `./nope[x]`: expected a directory or a repository address (git+https://…), and no such directory is there",
      "warning 5:1 -e `empty` needs the checkout beside the file: no directory with pyproject.toml or setup.py is there",
    ],
  ],
  [
    "editable addresses",
    "-e git+https://x/y\n-e https://x/y\n-e git+https://x/y#egg=a[b]\n-e git+https://x/y#egg=a\n",
    [
      'error 1:1 pip cannot tell the package\'s name from `git+https://x/y`: expected "#egg=name" at the end',
      "error 2:1 -e takes a directory or a repository address (git+https://…), found `https://x/y`",
      'error 3:17 "#egg=" takes a name alone, without extras: found `a[b]`',
    ],
  ],
  [
    "paths",
    './pkg\n./pkg[x]; python_version>"3"\n./nope\n./pkg; foo\n',
    [
      "error 3:1 `./nope` looks like a path, but no directory with pyproject.toml or setup.py is there: expected a package name or a Python project beside the input file",
      "error 4:8 in the environment marker: expected a variable such as python_version or sys_platform, or a text in quotes",
    ],
  ],
  [
    "package files",
    "w-1.0-py3-none-any.whl\nx-1.0-py3-none-any.whl\nnope.whl\n",
    [
      "warning 2:1 `x-1.0-py3-none-any.whl` looks like a package file, but it is not beside the input file",
      "warning 3:1 `nope.whl` looks like a package file, but it is not beside the input file",
      "error 3:1 expected a wheel's file name, name-version-python-abi-platform.whl, found `nope.whl`",
    ],
  ],
  [
    "wheels at an address",
    'https://x/foo-1.0-cp39-cp39-win_amd64.whl\nhttps://x/foo-1.0-cp39-cp39-win_amd64.whl; os_name=="nt"\nhttps://x/foo.whl\n',
    [
      "warning 1:1 the wheel is for win_amd64: it cannot be installed on linux-64",
      "error 3:1 expected a wheel's file name, name-version-python-abi-platform.whl, found `foo.whl`",
    ],
  ],
  [
    "two addresses on a line",
    "https://x/y z\n",
    ["error 1:1 expected one address on a line, found `https://x/y z`"],
  ],
  [
    "file addresses",
    "z @ file:///no/where\nfile:pkg\n",
    [
      "warning 1:1 `file:///no/where` is not on this machine: expected a directory with pyproject.toml or setup.py there",
    ],
  ],
  [
    "egg with extras",
    "z @ git+https://x#egg=z[a]\n",
    ['error 1:19 "#egg=" takes a name alone, without extras: found `z[a]`'],
  ],
  [
    "a marker after an address",
    "https://u:pw@x/y.tar.gz; foo\n",
    [
      "error 1:26 in the environment marker: expected a variable such as python_version or sys_platform, or a text in quotes",
    ],
  ],
  [
    "variables that are not set",
    "https://x/${NOPE}.zip\na==${NOPE}\nb==${SET}\nc==${SET}x\n",
    [
      'warning 1:1 the environment variable NOPE is not set: pip takes "${NOPE}" in the address literally',
      "error 2:4 the environment variable NOPE is not set, so that `a==${NOPE}` is no valid requirement",
      "error 4:1 with its environment variables expanded, this is no valid requirement",
    ],
  ],
])("addresses and paths are checked: %s", (_title, content, said) => {
  expect(
    saidOfPip(
      content,
      { "pkg/setup.py": "", "empty/x": "", "w-1.0-py3-none-any.whl": "" },
      { env: { SET: "1.2" } },
    ),
  ).toEqual(said);
});

it.each<[title: string, content: string, said: string[]]>([
  ["files that are there", "-r r.txt\n-c c.txt\n-r sub/deep.txt\n", []],
  [
    "files that are not there",
    "-r no.txt\n-c nope.txt\n-r ${NOPE}/x\n",
    [
      "error 1:1 the included requirements file `no.txt` is not there: expected it beside this file",
      "error 2:1 the included constraints file `nope.txt` is not there: expected it beside this file",
      "error 3:1 the environment variable NOPE in -r `${NOPE}/x` is not set",
    ],
  ],
  [
    "a fault in an included file",
    "-r bad.txt\n",
    ['error dir/bad.txt:2:8 ">=>" is no version operator: expected one of == != <= >= < > ~= ==='],
  ],
  [
    "files that include each other",
    "-r loop.txt\n",
    [
      "error dir/loop2.txt:1:1 -r `loop.txt` includes itself: `req.txt` → `loop.txt` → `loop2.txt` → `loop.txt`",
    ],
  ],
  [
    "a file of another format",
    "-r env.yml\n",
    ["error dir/env.yml:1:1 this is a conda environment file: expected a pip requirements file"],
  ],
  [
    "a file at an address",
    "-r https://u:p@x/r.txt\n",
    ["note 1:1 -r `https://***@x/r.txt` is fetched by pip during the build and not checked here"],
  ],
  [
    "constraints that are none",
    "-c cx.txt\n",
    [
      "error dir/cx.txt:1:1 a constraint has no extras: expected `six`",
      "error dir/cx.txt:2:1 -e is not possible in a constraints file: expected a name with versions",
      "error dir/cx.txt:3:1 a constraint must have a name: expected `name @ address`",
    ],
  ],
  [
    "two files on a line",
    "-r r.txt -r c.txt\n",
    ["warning 1:10 pip drops --requirement `c.txt`: it takes one included file from a line"],
  ],
])("included files are checked: %s", (_title, content, said) => {
  expect(
    saidOfPip(content, {
      "r.txt": "six\n",
      "loop.txt": "-r loop2.txt\n",
      "loop2.txt": "-r loop.txt\n",
      "bad.txt": "six\n  numpy>=>1\n",
      "sub/deep.txt": "-c ../c.txt\nattrs\n",
      "c.txt": "six==1\n",
      "env.yml": "dependencies:\n- a\n",
      "cx.txt": "six[a]\n-e .\ngit+https://x/y\n",
    }),
  ).toEqual(said);
});
