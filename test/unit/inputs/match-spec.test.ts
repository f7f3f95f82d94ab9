import { expect, it } from "vitest";
import { parseMatchSpec } from "../../../src/inputs/match-spec.ts";
import { saidOfYml } from "../../support/inputs-table.ts";

it.each<[title: string, content: string, said: string[]]>([
  [
    "an operator that is none",
    "dependencies:\n- a>==1.2\n- b===1\n- c<>1\n- d~1\n",
    [
      'error 2:4 ">==" is no version operator: expected one of = == != <= >= < > ~=',
      'error 3:4 "===" is no version operator: expected one of = == != <= >= < > ~=',
      'error 4:4 "<>" is no version operator: expected one of = == != <= >= < > ~=',
      'error 5:4 "~" is no version operator: expected one of = == != <= >= < > ~=',
    ],
  ],
  [
    "a swapped operator",
    "dependencies:\n- a=>1\n- b=>1,<2\n",
    [
      'warning 2:4 "=>" is no version operator: conda reads it as ">1*", mamba refuses it',
      'error 3:4 "=>" is no version operator: expected one of = == != <= >= < > ~=',
    ],
  ],
  [
    "a space in place of a comma",
    "dependencies:\n- b>=1 <2\n",
    ["error 2:7 expected a comma between two version constraints, not a space"],
  ],
  [
    "no version",
    "dependencies:\n- c==\n- d>=\n- e>*\n",
    [
      'error 2:4 expected a version after "=="',
      'error 3:4 expected a version after ">="',
      'error 4:5 "*" stands for any version: expected a version after ">"',
    ],
  ],
  [
    "an open comma",
    "dependencies:\n- d>=1,\n- e|>1\n",
    [
      'error 2:7 expected a version constraint on both sides of ","',
      'error 3:4 expected a version constraint on both sides of "|"',
    ],
  ],
  [
    "wrong versions",
    "dependencies:\n- e=1..2\n- f>=$x\n- g=a!1\n- h~=1.*\n",
    [
      'error 2:5 the version "1..2" has an empty part',
      'error 3:6 "$" cannot be part of a version: expected letters, digits and . _ + ! *',
      'error 4:5 expected one number before "!" (the epoch) in "a!1"',
      'error 5:4 the operator "~=" takes a plain version, without ".*"',
    ],
  ],
  ["open parentheses", "dependencies:\n- a >=1,(<2\n", ["error 2:5 the parentheses do not match"]],
  [
    "a wrong name",
    'dependencies:\n- "f{g}"\n- ">=1"\n',
    [
      "error 2:4 invalid package name `f{g}`: expected letters, digits and . _ -",
      "error 3:4 expected a package name first, found `>=1`",
    ],
  ],
  [
    "a build that is missing or one too many",
    "dependencies:\n- h=1=\n- i=1.2=py_0=x\n- a 1 b c\n",
    [
      'error 2:6 expected a build string after the second "="',
      'error 3:8 unexpected "=" inside a version: expected a comma between two version constraints',
      "error 4:6 expected at most a version and a build after the name, found `1 b c`",
    ],
  ],
  [
    "brackets",
    "dependencies:\n- k[x]>=1\n- k2[foo=1]\n- k3[version='>==1']\n- k4[version=1\n- k5[version=1,&]\n",
    [
      "warning 2:4 conda has no extras: `[x]` is dropped",
      'error 3:6 conda cannot match on "foo": expected channel, subdir, version, build, build_number, md5, sha256, url or fn in the brackets',
      'error 4:5 ">==" is no version operator: expected one of = == != <= >= < > ~=',
      "error 5:5 expected at most one pair of square brackets, `name[key=value]`",
      "error 6:16 expected `key=value` pairs in the brackets, found `&`",
    ],
  ],
  ["a version that is a word", "dependencies:\n- a b\n", ['warning 2:5 the version "b" has no digit in it']],
  [
    "a channel with a space",
    'dependencies:\n- "x y::z"\n',
    ["error 2:4 a channel name has no spaces: expected `channel::package`, found `x y::z`"],
  ],
  [
    "an address that is no package",
    "dependencies:\n- https://x/foo.conda\n- https://x/foo\n",
    [
      "error 2:3 expected a package file `name-version-build.conda`, found `foo.conda`",
      "error 3:9 invalid package name `https://x/foo`: expected letters, digits and . _ -",
    ],
  ],
])("wrong specs are told by their place: %s", (_title, content, said) => {
  expect(saidOfYml(content)).toEqual(said);
});

it.each<[text: string, spec: object]>([
  ["numpy", { name: "numpy" }],
  ["Cython", { name: "cython" }],
  ["_r-mutex", { name: "_r-mutex" }],
  ["__glibc>=2.17", { name: "__glibc", version: ">=2.17" }],
  ["numpy=1.2", { name: "numpy", version: "=1.2" }],
  ["numpy==1.2", { name: "numpy", version: "==1.2" }],
  ["numpy 1.2.*", { name: "numpy", version: "1.2.*" }],
  ["numpy = 1.2", { name: "numpy", version: "=1.2" }],
  ["numpy >=1, <2", { name: "numpy", version: ">=1,<2" }],
  ["gmsh <4.0|>=4.5.2", { name: "gmsh", version: "<4.0|>=4.5.2" }],
  ["numpy (>=1,<2)|>3", { name: "numpy", version: "(>=1,<2)|>3" }],
  ["alembic~=1.8", { name: "alembic", version: "~=1.8" }],
  ["networkx !=2.8.1", { name: "networkx", version: "!=2.8.1" }],
  ["cudf==26.6.*,>=0.0.0a0", { name: "cudf", version: "==26.6.*,>=0.0.0a0" }],
  ["numpy=1.2=py_0", { name: "numpy", version: "=1.2", build: "py_0" }],
  ["numpy 1.2 py_0", { name: "numpy", version: "1.2", build: "py_0" }],
  ["python=3.8.*=*_cpython", { name: "python", version: "=3.8.*", build: "*_cpython" }],
  ["blas * openblas", { name: "blas", version: "*", build: "openblas" }],
  ["numpy>=1.2 py_0", { name: "numpy", version: ">=1.2", build: "py_0" }],
  ["tzdata=2020f", { name: "tzdata", version: "=2020f" }],
  ["a==1!2.0+cu1", { name: "a", version: "==1!2.0+cu1" }],
  ["a ^1.*$", { name: "a", version: "^1.*$" }],
  ["conda-forge::numpy", { name: "numpy", channel: "conda-forge" }],
  ["conda-forge:ns:numpy", { name: "numpy", channel: "conda-forge" }],
  ["pkgs/main/linux-64::a>=2", { name: "a", channel: "pkgs/main", subdir: "linux-64", version: ">=2" }],
  ["https://x.org/c/noarch::a", { name: "a", channel: "https://x.org/c", subdir: "noarch" }],
  ["https://x.org/c::a", { name: "a", channel: "https://x.org/c" }],
  [
    "a[channel=x,version='>=1,<2',build_number=3]",
    {
      name: "a",
      channel: "x",
      version: ">=1,<2",
      attributes: { channel: "x", version: ">=1,<2", build_number: "3" },
    },
  ],
  ["*[md5=abc]", { name: "*", attributes: { md5: "abc" } }],
  [
    "https://x.org/c/linux-64/a-b-1.0-py_0.conda#d41d8cd98f00b204e9800998ecf8427e",
    {
      name: "a-b",
      version: "==1.0",
      build: "py_0",
      url: "https://x.org/c/linux-64/a-b-1.0-py_0.conda",
      subdir: "linux-64",
    },
  ],
])("%s is understood", (text, spec) => {
  expect(parseMatchSpec(text, "linux-64")).toEqual({ spec: { text, ...spec }, faults: [] });
});

it("a spec for the platform that is built for is in order", () => {
  expect(parseMatchSpec("c/linux-aarch64::a", "linux-aarch64").faults).toEqual([]);
  expect(parseMatchSpec("c/linux-64::a", "linux-aarch64").faults).toHaveLength(1);
  expect(parseMatchSpec("pywin32", "win-64").faults).toEqual([]);
});

it("suggests the operator that was probably meant", () => {
  expect(parseMatchSpec("a=>3.1", "linux-64").faults[0]?.hint).toBe('Did you mean ">=3.1"?');
  expect(parseMatchSpec("a===3", "linux-64").faults[0]?.hint).toBe('Did you mean "==3"?');
});
