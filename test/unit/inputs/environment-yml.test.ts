import { describe, expect, it } from "vitest";
import { reading, saidOfYml } from "../../support/inputs-table.ts";

it.each<[title: string, content: string, said: string[]]>([
  [
    "a TAB as indentation",
    "dependencies:\n  - a\n\t- b\n",
    ["error 3:1 a TAB is used for indentation: YAML expects spaces"],
  ],
  [
    "an entry that begins in another column",
    "dependencies:\n  - a\n - b\n",
    [
      "error 3:2 the entries of a list must begin in the same column: the indentation differs from the line before",
    ],
  ],
  [
    "a key indented below another",
    "name: x\n dependencies:\n  - a\n",
    [
      "error 2:2 this line is indented below one that has a value already: expected the same indentation for both keys",
    ],
  ],
  [
    "a line that is neither key nor entry",
    "dependencies:\n  - a\n  b\n",
    ['error 3:1 this line is neither a list entry nor a key: expected "- b" or "b:"'],
  ],
  ["a list that is not closed", "[1,2", ['error 1:5 a "[" before this is not closed: expected "]"']],
  [
    "a mapping that is not closed",
    "dependencies:\n  - a\n  - pip\n  - {pip: [b]\n",
    ['error 5:1 a "{" before this is not closed: expected "}", in a line that is indented below its key'],
  ],
  [
    "an unquoted text that begins with >",
    "dependencies:\n  - >=1.2\n",
    ['error 2:6 a text that begins with ">" or "|" must be quoted in YAML: expected "- \'…\'"'],
  ],
  [
    "an unquoted text that begins with @",
    "dependencies:\n  - @foo\n",
    ["error 2:5 a text that begins with %, @ or ` must be quoted in YAML: expected \"- '…'\""],
  ],
  [
    "a quote that is not closed",
    'dependencies:\n  - "abc\n',
    ["error 3:1 a quoted text has no closing quote"],
  ],
  [
    "a text with a colon",
    "dependencies:\n- a: b: c\n",
    ['error 2:6 a text with ": " in it must be quoted in YAML: expected one key and one value'],
  ],
  [
    "two documents",
    "dependencies:\n- a\n---\nb: 2\n",
    ['error 3:1 expected one YAML document, found a second one after "---"'],
  ],
  [
    "an alias without an anchor",
    "dependencies:\n- *x\n",
    ['error 2:3 the YAML alias "*x" has no anchor "&x": expected a text in quotes if no alias is meant'],
  ],
  [
    "a key given twice",
    "dependencies:\n- a\nchannels:\n- c\nchannels:\n- d\n",
    ["error 5:1 the key `channels` is given twice (first on line 3)"],
  ],
  [
    "a list in place of a mapping",
    "- a\n",
    ["error 1:1 expected a mapping with the key `dependencies`, found a list"],
  ],
  ["comments only", "# nothing\n", ["error - expected a mapping with the key `dependencies`, found nothing"]],
  [
    "faults before a syntax error are reported too",
    "dependencies:\n  - a>==1\n\t- b\n",
    [
      'error 2:6 ">==" is no version operator: expected one of = == != <= >= < > ~=',
      "error 3:1 a TAB is used for indentation: YAML expects spaces",
    ],
  ],
])("wrong YAML is told by its place: %s", (_title, content, said) => {
  expect(saidOfYml(content)).toEqual(said);
});

it.each<[title: string, content: string, said: string[]]>([
  [
    "no dependencies",
    "name: a\n",
    ["error - the key `dependencies` is missing: expected a list of packages"],
  ],
  [
    "requirements in place of dependencies",
    "name: a\nrequirements:\n- a\n",
    ["error 2:1 expected the key `dependencies`, found `requirements`"],
  ],
  [
    "misspelt keys",
    "channel:\n- b\ndependancies:\n- a\n",
    [
      "warning 1:1 the key `channel` is unknown and ignored",
      "error 3:1 expected the key `dependencies`, found `dependancies`",
    ],
  ],
  [
    "keys of conda-lock",
    "dependencies:\n- a\ncategory: x\nplatforms: [linux-64]\n",
    ["warning 3:1 2 keys are unknown to conda and ignored: `category` (line 3), `platforms` (line 4)"],
  ],
  [
    "one unknown key",
    "foo: 1\ndependencies:\n- a\n",
    [
      "warning 1:1 the key `foo` is unknown to conda and ignored: expected name, channels, dependencies, variables, prefix",
    ],
  ],
  [
    "dependencies that are a text",
    "dependencies: numpy\n",
    ["error 1:1 `dependencies` is a text: expected a list of packages"],
  ],
  [
    "dependencies that are a mapping",
    "dependencies: {a: 1}\n",
    ["error 1:1 `dependencies` is a mapping: expected a list of packages"],
  ],
  [
    "empty dependencies",
    "dependencies:\n",
    ["error 1:1 `dependencies` is empty: expected a list of packages"],
  ],
  [
    "an empty list of dependencies",
    "dependencies: []\n",
    ["warning 1:1 `dependencies` is an empty list: nothing is installed"],
  ],
  [
    "an empty name",
    "dependencies:\n- a\nname:\n",
    ["warning 3:1 `name` has no value, which counts as no name: expected a text"],
  ],
  [
    "a name that is a number",
    "dependencies:\n- a\nname: 3\n",
    ["warning 3:1 `name` is a number: expected a text"],
  ],
  [
    "a prefix",
    "dependencies:\n- a\nprefix: /x\n",
    ["note 3:1 `prefix` is ignored: the environment is made where --prefix says"],
  ],
  [
    "channels that are a text",
    "dependencies:\n- a\nchannels: conda-forge\n",
    ["error 3:1 `channels` is a text: expected a list of channels"],
  ],
  [
    "no channels in the list",
    "dependencies:\n- a\nchannels: []\n",
    ["warning 3:1 `channels` is empty: the configured default channels are used"],
  ],
  [
    "channels without value",
    "dependencies:\n- a\nchannels:\n",
    ["warning 3:1 `channels` is empty: the configured default channels are used"],
  ],
  [
    "wrong channels",
    'dependencies:\n- a\nchannels:\n-\n- 3\n- a b\n- "{{ c }}"\n',
    [
      "error 4:2 expected the name or address of a channel, found nothing",
      "error 5:3 expected the name or address of a channel, found a number",
      "error 6:3 expected one channel for each list entry, found `a b`",
      "error 7:3 unrendered Jinja: expected a channel, found `{{ c }}`",
    ],
  ],
  [
    "wrong variables",
    'dependencies:\n- a\nvariables:\n  A: 1\n  B: true\n  C: [x]\n  D:\n  "E F": x\n  G: ok\n',
    [
      "warning 4:3 the variable A is a number: expected a text",
      "warning 5:3 the variable B is true or false: expected a text",
      "error 6:3 the variable C is a list: expected a text",
      "error 7:3 the variable D has no value: expected a text",
      "error 8:3 `E F` cannot be the name of an environment variable: expected letters, digits and _",
    ],
  ],
  [
    "variables that are a list",
    "dependencies:\n- a\nvariables: [a]\n",
    ["error 3:1 `variables` is a list: expected a mapping of names to texts"],
  ],
  ["empty variables", "dependencies:\n- a\nvariables:\n", ["warning 3:1 `variables` is empty"]],
])("keys are checked: %s", (_title, content, said) => {
  expect(saidOfYml(content)).toEqual(said);
});

describe("an environment file", () => {
  const content = `name: demo
channels:
  - conda-forge
  - https://user:secret@conda.example.org/private
  - nodefaults
dependencies:
  - python=3.12
  - conda-forge::numpy >=1.26,<2
  - "scipy[build=py312*]"
  - pip
  - pip:
      - --extra-index-url https://index.example.org/simple
      - "requests[socks]==2.31.0 ; python_version > '3'" # a comment
      - -r more.txt
variables:
  OMP_NUM_THREADS: "1"
  GREETING: hello world
prefix: /old/place
`;
  const beside = { "more.txt": "-c limits.txt\nsix\n", "limits.txt": "six<2\n" };

  it("gives what it asks for, with places", () => {
    const { format, value } = reading("conda", "x/env.yml", content, beside);
    if (format !== "environment-yml" || !value) throw new Error("not read");
    expect(value.name).toBe("demo");
    expect(value.channels).toEqual([
      { text: "conda-forge", line: 3, column: 5 },
      { text: "https://user:secret@conda.example.org/private", line: 4, column: 5 },
    ]);
    expect(value.nodefaults).toBe(true);
    expect(value.dependencies).toEqual([
      { text: "python=3.12", name: "python", version: "=3.12", line: 7, column: 5 },
      {
        text: "conda-forge::numpy >=1.26,<2",
        name: "numpy",
        channel: "conda-forge",
        version: ">=1.26,<2",
        line: 8,
        column: 5,
      },
      {
        text: "scipy[build=py312*]",
        name: "scipy",
        build: "py312*",
        attributes: { build: "py312*" },
        line: 9,
        column: 6,
      },
      { text: "pip", name: "pip", line: 10, column: 5 },
    ]);
    expect(value.variables).toEqual({ OMP_NUM_THREADS: "1", GREETING: "hello world" });
    expect(value.prefix).toBe("/old/place");
  });

  it("gives its pip lines as written and every file that they include", () => {
    const { format, value } = reading("conda", "x/env.yml", content, beside);
    if (format !== "environment-yml" || !value?.pip) throw new Error("not read");
    expect(value.pip.line).toBe(11);
    expect(value.pip.lines).toEqual([
      { text: "--extra-index-url https://index.example.org/simple", line: 12 },
      { text: "requests[socks]==2.31.0 ; python_version > '3'", line: 13 },
      { text: "-r more.txt", line: 14 },
    ]);
    const { requirements, options, files } = value.pip.requirements;
    expect(requirements.map((one) => [one.name, one.specifier, one.extras, one.file, one.line])).toEqual([
      ["requests", "==2.31.0", ["socks"], "x/env.yml", 13],
      ["six", "<2", [], "x/limits.txt", 1],
      ["six", "", [], "x/more.txt", 2],
    ]);
    expect(options.extraIndexUrls).toEqual(["https://index.example.org/simple"]);
    expect(files).toEqual([
      {
        kind: "requirement",
        written: "more.txt",
        resolved: "more.txt",
        exists: true,
        file: "x/env.yml",
        line: 14,
      },
      {
        kind: "constraint",
        written: "limits.txt",
        resolved: "limits.txt",
        exists: true,
        file: "x/more.txt",
        line: 1,
      },
    ]);
  });

  it("has no pip section unless there is a list", () => {
    const { value } = reading("conda", "env.yaml", "dependencies: [numpy]\n");
    expect(value).toEqual({
      channels: [],
      nodefaults: false,
      dependencies: [{ text: "numpy", name: "numpy", line: 1, column: 16 }],
      variables: {},
    });
  });

  it.each([
    ["CRLF line ends", "dependencies:\r\n- pip\r\n- pip:\r\n  - six\r\n"],
    ["a byte order mark", "\ufeffdependencies:\n- pip\n- pip:\n  - six\n"],
    ["a document start", "# c\n---\ndependencies:\n- pip\n- pip:\n  - six\n"],
    ["an alias", "x-p: &p\n- pip\n- pip:\n  - six\ndependencies: *p\n"],
    ["a space before the colon", "dependencies :\n- pip\n- pip :\n  - six\n"],
  ])("may have %s", (_what, text) => {
    const { value, diagnostics } = reading("conda", "env.yml", text);
    expect(diagnostics.filter((one) => one.severity === "error")).toEqual([]);
    expect(value).toMatchObject({
      dependencies: [{ text: "pip" }],
      pip: { lines: [{ text: "six" }] },
    });
  });

  it("may be UTF-16 as PowerShell writes it", () => {
    const text = "\ufeffdependencies:\n- numpy\n";
    const bytes = new Uint8Array(Buffer.from(text, "utf16le"));
    expect(reading("conda", "env.yml", bytes)).toMatchObject({
      value: { dependencies: [{ name: "numpy" }] },
      diagnostics: [],
    });
  });

  it("suggests what was probably meant", () => {
    const { diagnostics } = reading("conda", "env.yml", "channel: [a]\npackages: [b]\n");
    expect(diagnostics.map((one) => one.hint)).toEqual([
      "Did you mean `channels`?",
      "Did you mean `dependencies`?",
    ]);
  });
});
