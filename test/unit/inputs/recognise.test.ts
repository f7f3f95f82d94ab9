import { expect, it } from "vitest";
import { reading } from "../../support/inputs-table.ts";

const FOREIGN: readonly [what: string, content: string, hint: RegExp | undefined][] = [
  ["an HTML page", "<!DOCTYPE html>\n<html>", /Raw/],
  [
    "a pixi.lock file",
    "version: 6\nenvironments:\n  default:\npackages:\n- conda: x\n",
    /pixi workspace export/,
  ],
  [
    "a conda-lock file",
    "version: 1\nmetadata:\n  content_hash: x\npackage:\n- name: a\n",
    /conda-lock render/,
  ],
  [
    "a pixi.toml manifest",
    '[workspace]\nchannels = ["a"]\nplatforms = ["linux-64"]\n',
    /pixi workspace export/,
  ],
  ["a uv.lock file", 'version = 1\nrequires-python = ">=3"\n\n[[package]]\nname = "a"\n', /uv export/],
  ["a poetry.lock file", '[[package]]\nname = "a"\n[metadata]\ncontent-hash = "x"\n', /poetry export/],
  ["a pylock.toml file", 'lock-version = "1.0"\n[[packages]]\n', /requirements file/],
  ["a Pipfile", '[[source]]\nurl = "x"\n[packages]\na = "*"\n', /pipenv requirements/],
  ["a Pipfile.lock file", '{"_meta": {"pipfile-spec": 6}}', /pipenv requirements/],
  ["a pyproject.toml file", '[build-system]\nrequires = ["a"]\n', /requirements file/],
  ["a setup.py script", 'from setuptools import setup\nsetup(name="x")\n', /requirements file/],
  [
    "the table that `conda list` prints",
    "# packages in environment at /x:\nnumpy 1 py\n",
    /conda env export/,
  ],
  ["a TOML or INI file", "[metadata]\nname = x\n", undefined],
];

it.each(FOREIGN)("%s is named, with what to do", (what, content, hint) => {
  for (const [kind, file] of [
    ["pip", "requirements.txt"],
    ["conda", "list.txt"],
    ["conda", "env.yml"],
  ] as const) {
    const { value, diagnostics } = reading(kind, file, content);
    expect(value).toBeUndefined();
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]).toMatchObject({ severity: "error", line: 1, column: 1 });
    expect(diagnostics[0]?.message).toContain(`this is ${what}: expected a`);
    if (hint) expect(diagnostics[0]?.hint).toMatch(hint);
  }
});

const ENVIRONMENT = "name: a\ndependencies:\n- numpy\n";
const EXPLICIT = "# c\n@EXPLICIT\nhttps://x/c/noarch/a-1-0.conda\n";
const EXPORT = "# platform: linux-64\na=1=b\nb=1=c\nc=1=d\n";

it.each<[what: string, kind: "conda" | "pip", file: string, content: string, line: number, said: RegExp]>([
  [
    "an environment file given to pip",
    "pip",
    "r.txt",
    ENVIRONMENT,
    2,
    /conda environment file.*conda-containerize/,
  ],
  [
    "an environment file of another name",
    "conda",
    "env.txt",
    ENVIRONMENT,
    2,
    /conda environment file.*\.yml/,
  ],
  ["an explicit list given to pip", "pip", "r.txt", EXPLICIT, 2, /@EXPLICIT.*conda-containerize/],
  ["an explicit list named .yml", "conda", "a.yml", EXPLICIT, 2, /@EXPLICIT.*without \.yml/],
  ["a conda export given to pip", "pip", "r.txt", EXPORT, 2, /name=version=build.*conda-containerize/],
  ["a conda export named .yaml", "conda", "a.yaml", EXPORT, 1, /name=version=build.*conda env export/],
  [
    "requirements given to conda",
    "conda",
    "r.txt",
    "a==1\n-r x\n",
    2,
    /pip requirements file.*pip-containerize/,
  ],
  ["requirements with markers", "conda", "r.txt", "a==1; python_version<'3'\n", 1, /pip requirements file/],
  ["requirements with hashes", "conda", "r.txt", "a==1 --hash=sha256:x\n", 1, /pip requirements file/],
  ["requirements named .yml", "conda", "r.yml", "a==1\n-r x\n", 1, /plain list.*pip-containerize/],
  ["a list of names named .yml", "conda", "l.yml", "numpy\nscipy>=1\n", 1, /plain list.*without \.yml/],
  ["JSON given to pip", "pip", "r.txt", '{"a": 1}\n', 1, /JSON/],
])("%s is told from the content", (_what, kind, file, content, line, said) => {
  const { value, diagnostics } = reading(kind, file, content);
  expect(value).toBeUndefined();
  expect(diagnostics).toHaveLength(1);
  expect(diagnostics[0]).toMatchObject({ severity: "error", line, column: 1 });
  expect(`${diagnostics[0]?.message} ${diagnostics[0]?.hint ?? ""}`).toMatch(said);
});

it.each([
  ["env.yml", "environment-yml"],
  ["env.yaml", "environment-yml"],
  ["my.yml.orig", "environment-yml"],
  ["dir.yml/list.txt", "spec-list"],
  ["environment", "spec-list"],
])("%s is read as %s, by its name", (file, format) => {
  expect(reading("conda", file, "numpy\n").format).toBe(format);
});

it("a list of versions that conda and pip both understand is nobody's mistake", () => {
  expect(reading("conda", "requirements.txt", "numpy==1.2\nscipy>=1\n").diagnostics).toEqual([]);
});
