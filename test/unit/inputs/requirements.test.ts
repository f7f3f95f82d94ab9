// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is pip's syntax for environment variables
import { describe, expect, it } from "vitest";
import { reading, saidOfPip } from "../../support/inputs-table.ts";

it.each<[title: string, content: string, said: string[]]>([
  [
    "operators that are none",
    "numpy>==1\nscipy=1.0\nfoo=>1\nbar~1\n",
    [
      'error 1:6 ">==" is no version operator: expected one of == != <= >= < > ~= ===',
      'error 2:6 "=" is no version operator: expected one of == != <= >= < > ~= ===',
      'error 3:4 "=>" is no version operator: expected one of == != <= >= < > ~= ===',
      'error 4:4 "~" is no version operator: expected one of == != <= >= < > ~= ===',
    ],
  ],
  [
    "versions that fit their operator",
    "bar~=1\nbaz>=1.*\nw>1+cu1\nv==1.0rc1.*\n",
    [
      'error 1:6 "~=" needs a version of at least two parts, such as ~=1.0',
      'error 2:6 ".*" can only stand after == or !=, not after >=',
      'error 3:3 a local version ("+…") can only stand after == or !=, not after >',
      'error 4:4 ".*" can only follow plain digits and dots, found `1.0rc1.*`',
    ],
  ],
  [
    "versions that are none",
    "qux==1.0..2\nx==\n",
    [
      "error 1:6 `1.0..2` is no version: expected digits and dots, with a suffix such as rc1, .post1 or .dev1",
      'error 2:4 expected a version after "=="',
    ],
  ],
  [
    "several names on a line",
    "a b c\n",
    ['error 1:3 expected the end of the line, a version specifier (such as ==1.0) or ";", found `b c`'],
  ],
  [
    "prose",
    "4 + 4 = 2 # x\n",
    ['error 1:3 expected the end of the line, a version specifier (such as ==1.0) or ";", found `+ 4 = 2`'],
  ],
  [
    "a command",
    "pip install numpy\n",
    [
      'error 1:5 expected the end of the line, a version specifier (such as ==1.0) or ";", found `install numpy`',
    ],
  ],
  [
    "a missing comma",
    "numpy>=1 <2\n",
    ["error 1:8 expected a comma between version specifiers, found `1 <2`"],
  ],
  [
    "an empty place between commas",
    "v==1.0,,2\n",
    ["error 1:8 expected a version specifier between two commas"],
  ],
  [
    "what is no name",
    '$(touch pwned)\n"six"\n',
    [
      "error 1:1 expected a package name, found `$(touch pwned)`",
      'error 2:1 expected a package name, found `"six"`',
    ],
  ],
  [
    "Jinja",
    "{{ x }}\n{% if %}\na=={{ v }}\n",
    [
      "error 1:1 unrendered Jinja: expected a requirement, found `{{ x }}`",
      "error 2:1 unrendered Jinja: expected a requirement, found `{% if %}`",
      "error 3:1 unrendered Jinja: expected a requirement, found `a=={{ v }}`",
    ],
  ],
  [
    "one conda spec",
    "numpy=1.0=py_0\n",
    [
      "error 1:6 `numpy=1.0=py_0` is a conda spec (name=version=build): expected a pip requirement such as name==version",
    ],
  ],
  [
    "extras",
    "x[a b]\nx[a\n",
    [
      "error 1:3 expected names of extras between [ and ], separated by commas, found `a b`",
      'error 2:2 expected "]" after the extras',
    ],
  ],
  [
    "markers",
    'y; foo == "x"\ny; python_version < 3\ny; python_version < "3" and\ny; (os_name == "nt"\ny; os_name "nt"\n',
    [
      "error 1:4 in the environment marker: expected a variable such as python_version or sys_platform, or a text in quotes",
      "error 2:21 in the environment marker: expected a variable such as python_version or sys_platform, or a text in quotes",
      "error 3:28 in the environment marker: expected a variable such as python_version or sys_platform, or a text in quotes",
      'error 4:20 in the environment marker: expected ")"',
      "error 5:12 in the environment marker: expected one of <= < != == >= > ~= === in, not in",
    ],
  ],
  [
    "direct addresses",
    "z @\nz @ foo\nz @ https://x y\n",
    [
      'error 1:4 expected a URL after "@"',
      'error 2:1 expected an address after "@", such as https://…, git+https://… or file:///…, found `foo`',
      'error 3:15 expected " ; " and a marker or nothing after the URL',
    ],
  ],
  [
    "a text compared as such",
    "y===1.0-foo\n",
    ['warning 1:2 "===" compares texts, and `1.0-foo` is no valid version: newer pips find no package'],
  ],
  [
    "a version pinned twice",
    'a==1\nA==2\nb==1\nb==1\nc==1; os_name=="nt"\nc==2; os_name!="nt"\nd[x]\nd>1\n',
    ['warning 2 the package "a" is pinned twice, to `==1` (line 1) and to `==2`: no version is both'],
  ],
  [
    "a package of Windows",
    'pywin32\npywin32; sys_platform=="win32"\n',
    ['warning 1:1 the package "pywin32" exists for Windows only: it cannot be installed on linux-64'],
  ],
  [
    "the place in a continued line",
    "b \\\n>=> 1\n",
    ['error 2:1 ">=>" is no version operator: expected one of == != <= >= < > ~= ==='],
  ],
])("specifiers are checked: %s", (_title, content, said) => {
  expect(saidOfPip(content)).toEqual(said);
});

it.each<[title: string, content: string, said: string[]]>([
  [
    "unknown options",
    "--foo\n-U six\nsix -U\n--requirements r.txt\n",
    [
      'error 1:1 the option "--foo" is not possible in a requirements file',
      'error 2:1 the option "-U" is not possible in a requirements file',
      'error 3:5 the option "-U" is not possible in a requirements file',
      'error 4:1 the option "--requirements" is not possible in a requirements file',
    ],
  ],
  [
    "hashes",
    "--hash=sha256:a\nsix==1 --hash=md5:a\nsix==1 --hash=sha256:\nsix==1 --hash\n",
    [
      "warning 1:1 --hash stands on a line without a requirement: pip ignores it",
      "error 2:8 expected --hash=sha256:… (or sha384, sha512), found `--hash=md5:a`",
      "error 3:8 expected --hash=sha256:… (or sha384, sha512), found `--hash=sha256:`",
      "error 4:8 expected a value after the option --hash",
    ],
  ],
  [
    "a hash in a continued line",
    "a==1 \\\n  --hash=sha256:aa \\\n  --hash=md5:bb\n",
    ["error 3:3 expected --hash=sha256:… (or sha384, sha512), found `--hash=md5:bb`"],
  ],
  [
    "hashes for some only",
    "a==1 --hash=sha256:aa\nb==1\nc==1\n",
    [
      "warning 2 2 requirements have no --hash, and pip wants one for each because line 1 has one: `b==1`, `c==1`",
    ],
  ],
  [
    "values",
    '--pre=1\n--find-links "a\n-r\n',
    [
      "error 1:1 the option --pre takes no value",
      "error 2:1 a quoted text has no closing quote",
      "error 3:1 expected a value after the option -r",
    ],
  ],
  [
    "what pip drops",
    "--pre six\nsix --pre\n",
    [
      "warning 1:7 pip drops `six` without a word: it stands after an option on the same line",
      "warning 2:5 pip ignores --pre on the line of a requirement",
    ],
  ],
  [
    "indexes",
    "-i foo\n-i ${NOPE}/x\n-i https://$token.x\n-i https://${SET}.x\n",
    [
      "warning 1:1 --index-url `foo` is no address: expected one that begins with https://",
      'warning 2:1 the environment variable NOPE in --index-url is not set: pip takes "${NOPE}" literally',
      'warning 3:1 pip does not expand "$NAME" in --index-url `https://$token.x`: expected "${NAME}", in upper-case letters',
    ],
  ],
  [
    "credentials that the process list shows",
    "git+https://joe:s3cret@host/a#egg=a\nb @ git+https://t0ken@host/b\ngit+ssh://git@host/c\nhttps://joe:s3cret@host/d.zip\n",
    [1, 2].map(
      (line) =>
        `warning ${line}:1 the address holds credentials, which git shows to everybody on this host (ps) while it fetches the package`,
    ),
  ],
  [
    "features",
    "--use-feature=2020-resolver\n--use-feature=zz\n--use-feature=fast-deps\n",
    [
      "error 1:1 --use-feature=2020-resolver is no longer known to pip: expected one of fast-deps, inprocess-build-deps, venv-isolation, truststore, no-binary-enable-wheel-cache, build-constraint",
      "warning 2:1 --use-feature=zz is unknown: pip stops if it does not know it",
    ],
  ],
  [
    "an option of older pips",
    "--global-option=x\n",
    ["warning 1:1 --global-option is gone from pip 25.3: only an older pip takes it"],
  ],
  [
    "links that are not there",
    "-f wheels\n-f nowheels\n-f https://x/\n",
    ["warning 2:1 the directory `nowheels` of --find-links is not there"],
  ],
])("options are checked: %s", (_title, content, said) => {
  expect(
    saidOfPip(content, { "r.txt": "six\n", "wheels/a-1-py3-none-any.whl": "" }, { env: { SET: "x" } }),
  ).toEqual(said);
});

describe("a requirements file", () => {
  const read = (text: string, beside = {}, env = {}) => {
    const { format, value } = reading("pip", "d/req.txt", text, beside, { env });
    if (format !== "requirements" || !value) throw new Error("not read");
    return value;
  };

  it.each<[text: string, requirement: object]>([
    ["numpy", { name: "numpy" }],
    ["Foo [bar, b-z] == 3.2.1 # c", { name: "Foo", extras: ["bar", "b-z"], specifier: "==3.2.1" }],
    ["a (>=1,<2)", { name: "a", specifier: ">=1,<2" }],
    ["a>=1 , !=1.5.*,", { name: "a", specifier: ">=1,!=1.5.*" }],
    ["a==1!2.0rc1.post2.dev3+local.1", { name: "a", specifier: "==1!2.0rc1.post2.dev3+local.1" }],
    [
      "a ; python_version<'3' and (os.name=='nt' or extra in \"x\")",
      { name: "a", marker: "python_version<'3' and (os.name=='nt' or extra in \"x\")" },
    ],
    ["a@git+https://h/r.git@v1#subdirectory=s", { name: "a", url: "git+https://h/r.git@v1#subdirectory=s" }],
    ["a @ https://h/a.zip ; os_name=='nt'", { name: "a", url: "https://h/a.zip", marker: "os_name=='nt'" }],
    ["git+https://h/r#egg=a&subdirectory=b", { name: "a", url: "git+https://h/r#egg=a&subdirectory=b" }],
    ["https://h/a_b-1.0-py3-none-any.whl", { name: "a_b", url: "https://h/a_b-1.0-py3-none-any.whl" }],
    ["-e git+https://h/r#egg=a", { name: "a", url: "git+https://h/r#egg=a", editable: true }],
    [
      "a==1 --hash=sha256:aa --hash sha512:bb",
      {
        name: "a",
        specifier: "==1",
        hashes: [
          { algorithm: "sha256", value: "aa" },
          { algorithm: "sha512", value: "bb" },
        ],
      },
    ],
  ])("%s is understood", (text, requirement) => {
    expect(saidOfPip(`${text}\n`)).toEqual([]);
    expect(read(`${text}\n`).requirements).toEqual([
      {
        text: expect.any(String),
        extras: [],
        specifier: "",
        editable: false,
        constraint: false,
        hashes: [],
        file: "d/req.txt",
        line: 1,
        ...requirement,
      },
    ]);
  });

  it("gives its options", () => {
    const text = `--index-url https://a.org/simple
--extra-index-url="https://b.org/simple" --extra-index-url 'https://c.org'
-f https://d.org/links --pre --prefer-binary
--no-binary :all: --only-binary=numpy --trusted-host h --no-index --require-hashes
`;
    expect(read(text).options).toEqual({
      indexUrl: "https://a.org/simple",
      extraIndexUrls: ["https://b.org/simple", "https://c.org"],
      findLinks: ["https://d.org/links"],
      trustedHosts: ["h"],
      noIndex: true,
      pre: true,
      preferBinary: true,
      requireHashes: true,
      noBinary: [":all:"],
      onlyBinary: ["numpy"],
      useFeatures: [],
    });
  });

  it("names every file that must come along, in order and from included files too", () => {
    const beside = {
      "sub/a.txt": "-r b.txt\n./pkg\n",
      "sub/b.txt": "six\n",
      "pkg/pyproject.toml": "",
      "w/x": "",
    };
    const { files, requirements } = read("-r sub/a.txt\n-e ./pkg[dev]\n-f w\n-c no.txt\n", beside);
    expect(files.map((one) => [one.kind, one.written, one.resolved, one.exists, one.file, one.line])).toEqual(
      [
        ["requirement", "sub/a.txt", "sub/a.txt", true, "d/req.txt", 1],
        ["requirement", "b.txt", "sub/b.txt", true, "d/sub/a.txt", 1],
        ["local", "./pkg", "pkg", true, "d/sub/a.txt", 2],
        ["editable", "./pkg[dev]", "pkg", true, "d/req.txt", 2],
        ["find-links", "w", "w", true, "d/req.txt", 3],
        ["constraint", "no.txt", "no.txt", false, "d/req.txt", 4],
      ],
    );
    expect(requirements.map((one) => [one.text, one.extras, one.file])).toEqual([
      ["six", [], "d/sub/b.txt"],
      ["./pkg", [], "d/sub/a.txt"],
      ["./pkg[dev]", ["dev"], "d/req.txt"],
    ]);
  });

  it("is judged with its environment variables expanded, but keeps what is written", () => {
    const { requirements, options } = read(
      "-i https://u:${TOKEN}@h/simple\na==${V}\nb @ git+https://${TOKEN}@h/r\n",
      {},
      { TOKEN: "hush", V: "1.2" },
    );
    expect(requirements.map((one) => [one.text, one.specifier])).toEqual([
      ["a==${V}", "==1.2"],
      ["b @ git+https://${TOKEN}@h/r", ""],
    ]);
    expect(options.indexUrl).toBe("https://u:${TOKEN}@h/simple");
    expect(JSON.stringify([requirements, options])).not.toContain("hush");
  });

  it("may be included twice, as long as it does not include itself", () => {
    expect(saidOfPip("-r r.txt\n-r r.txt\n", { "r.txt": "six\n" })).toEqual([]);
  });

  it("obeys a coding comment as pip does", () => {
    const bytes = new Uint8Array([...Buffer.from("# coding: latin-1\nsix # caf"), 0xe9, 0x0a]);
    expect(saidOfPip(bytes)).toEqual([]);
  });

  it("never shows credentials in a message", () => {
    const text =
      "https://u:secret1@h/x y\n-i https://h/${NOPE}/t/secret2/\nz @ https://u:secret3@h/a w\n-r https://secret4@h/r.txt\n";
    const { diagnostics } = reading("pip", "r.txt", text);
    expect(diagnostics).toHaveLength(4);
    expect(JSON.stringify(diagnostics)).not.toMatch(/secret\d/);
  });
});
