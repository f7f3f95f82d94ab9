import { expect, it } from "vitest";
import { saidOfYml } from "../../support/inputs-table.ts";

it.each<[title: string, content: string, said: string[]]>([
  [
    "entries that are no text",
    "dependencies:\n-\n- 3.8\n- true\n- [a]\n",
    [
      "error 2:2 this list entry is empty: expected a package",
      "error 3:3 expected a package, found a number (`3.8`)",
      "error 4:3 expected a package, found true or false (`true`)",
      "error 5:3 expected a package, found a list inside the list",
    ],
  ],
  [
    "mappings in place of specs",
    'dependencies:\n- numpy: 1.20\n- python: ">=3.8"\n- foo: [a]\n- pipp:\n  - x\n',
    [
      "error 2:3 expected a package, found a mapping `numpy: …`",
      "error 3:3 expected a package, found a mapping `python: …`",
      "error 4:3 there is no installer of the name `foo`: expected a package or `pip:` with a list",
      "error 5:3 there is no installer of the name `pipp`: expected a package or `pip:` with a list",
    ],
  ],
  [
    "an entry over two lines",
    "dependencies:\n- numpy\n  scipy\n",
    [
      "warning 2:3 this list entry goes on over 2 lines, which YAML joins to `numpy scipy`",
      'warning 2:9 the version "scipy" has no digit in it',
    ],
  ],
  [
    "a command in place of a name",
    "dependencies:\n- $(touch pwned)\n",
    ["error 2:3 invalid package name `$(touch pwned)`: expected letters, digits and . _ -"],
  ],
  [
    "unrendered Jinja",
    'dependencies:\n- {{ x }}\n- "{{ y }}"\n- a={{ v }}\n',
    [
      "error 2:3 unrendered Jinja: expected a package name, found `{{ x }}`",
      "error 3:4 unrendered Jinja: expected a package name, found `{{ y }}`",
      "error 4:3 unrendered Jinja: expected a package name, found `a={{ v }}`",
    ],
  ],
  [
    "a template",
    "{% if a %}\ndependencies:\n- a\n{% endif %}\n",
    [
      "error 1:1 unrendered Jinja: expected a plain environment file, found a template's control line",
      "error 4:1 unrendered Jinja: expected a plain environment file, found a template's control line",
    ],
  ],
  [
    "a package listed twice",
    "dependencies:\n- a\n- a>=1\n- b=1\n- b=2\n- c\n- c\n",
    [
      'note 3:3 the package "a" is listed twice (first on line 2): both constraints must hold',
      'warning 5:3 the package "b" is listed twice (first on line 4): both constraints must hold',
    ],
  ],
  [
    "pip requirements among conda specs",
    'dependencies:\n- git+https://x/y\n- -e .\n- a @ https://x\n- a; python_version<"3"\n',
    [
      "error 2:3 `git+https://x/y` is a pip requirement: expected a conda package",
      "error 3:3 `-e .` is a pip option: expected a conda package",
      "error 4:3 `a @ https://x` is a pip requirement: expected a conda package",
      'error 5:3 conda knows no environment markers ("; …"): expected a conda package, found `a; python_version<"3"`',
    ],
  ],
  [
    "platform selectors of mamba",
    "dependencies:\n- sel(linux): a\n- sel(osx): b\n- sel(foo): c\n- sel(unix): [d]\n",
    [
      'warning 2:3 "sel(linux)" is an extension of mamba: the entry is kept on linux-64; plain conda does not know it and fails',
      'warning 3:3 "sel(osx)" is an extension of mamba: the entry is dropped on linux-64; plain conda does not know it and fails',
      'error 4:3 unknown selector "sel(foo)": expected linux, unix, osx or win in it',
      'warning 5:3 "sel(unix)" is an extension of mamba: the entry is kept on linux-64; plain conda does not know it and fails',
      'error 5:3 expected a package after "sel(unix):", found a list',
    ],
  ],
  [
    "selectors of conda-build",
    "dependencies:\n- a # [win]\n- b # [not win]\n- c # [linux]\n- d  # [not linux]\n",
    [
      'warning 2 the selector "# [win]" is a plain comment in an environment file: the package is required on linux-64 too',
      'warning 5 the selector "# [not linux]" is a plain comment in an environment file: the package is required on linux-64 too',
    ],
  ],
  [
    "packages of Windows",
    "dependencies:\n- pywin32\n- conda-forge/win-64::b\n",
    [
      'warning 2:3 the package "pywin32" exists for Windows only: it cannot be installed on linux-64',
      "warning 3:3 `conda-forge/win-64::b` is a package for win-64: it cannot be installed on linux-64",
    ],
  ],
])("dependencies are checked: %s", (_title, content, said) => {
  expect(saidOfYml(content)).toEqual(said);
});

it.each<[title: string, content: string, said: string[]]>([
  [
    "a text in place of a list",
    "dependencies:\n- pip\n- pip: x\n",
    ["error 3:3 `pip:` is a text: expected a list of pip requirements"],
  ],
  [
    "an empty list",
    "dependencies:\n- pip\n- pip:\n",
    [
      "warning 3:3 `pip:` is empty: expected a list of pip requirements (conda takes it for none, micromamba fails)",
    ],
  ],
  [
    "no pip among the dependencies",
    "dependencies:\n- pip:\n  - x\n",
    ["warning 2 there is a `pip:` list but no dependency `pip`: the engine adds it"],
  ],
  [
    "two lists",
    "dependencies:\n- pip\n- pip:\n  - x\n- pip:\n  - y\n",
    [
      "note 5:3 there is another `pip:` list (the first is on line 3): micromamba and mamba install all of them, conda the last one only",
    ],
  ],
  [
    "entries that are no text",
    "dependencies:\n- pip\n- pip:\n  -\n  - 1.5\n  - a: b\n  - [c]\n",
    [
      "error 4:4 this list entry is empty: expected a pip requirement",
      "error 5:5 expected a pip requirement, found a number (`1.5`)",
      "error 6:5 expected a pip requirement, found a mapping",
      "error 7:5 expected a pip requirement, found a list in the list",
    ],
  ],
  [
    "wrong requirements, quoted and in a block",
    'dependencies:\n- pip\n- pip:\n  - "x>==1"\n  - |\n    six\n    y>=>1\n',
    [
      'error 4:7 ">==" is no version operator: expected one of == != <= >= < > ~= ===',
      'error 7:6 ">=>" is no version operator: expected one of == != <= >= < > ~= ===',
    ],
  ],
  [
    "included files and checkouts",
    "dependencies:\n- pip\n- pip:\n  - -r r.txt\n  - -r no.txt\n  - -e .\n  - -e pkg\n  - -r bad.txt\n",
    [
      "error 5:5 the included requirements file `no.txt` is not there: expected it beside this file",
      "warning 6:5 -e `.` needs the checkout beside the file: no directory with pyproject.toml or setup.py is there",
      "note 7:5 -e `pkg` leaves the package in its checkout: it must stay where it is for the environment to work",
      'error dir/bad.txt:2:8 ">=>" is no version operator: expected one of == != <= >= < > ~= ===',
    ],
  ],
])("pip lists are checked: %s", (_title, content, said) => {
  expect(
    saidOfYml(content, { "r.txt": "six\n", "pkg/setup.py": "", "bad.txt": "six\n  numpy>=>1\n" }),
  ).toEqual(said);
});
