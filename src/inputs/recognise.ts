/** The formats that this tool reads. */
export type InputFormat = "environment-yml" | "explicit" | "spec-list" | "requirements";

/** A file of another format: what to say about it. */
export interface ForeignFormat {
  /** The line that shows it, from 1; 1 for a whole file of another tool. */
  line: number;
  message: string;
  hint?: string;
}

interface Signature {
  what: string;
  hint: string;
  /** Patterns that must all match. */
  all: readonly RegExp[];
}

const TOML_HEADER = /^[ \t]*\[\[?[A-Za-z][\w.\-" ]*\]\]?[ \t]*(?:#.*)?$/m;

/**
 * How foreign files are known. Sources: the formats' own documentation (pixi.sh, conda.github.io/conda-lock,
 * docs.astral.sh/uv, python-poetry.org, pipenv.pypa.io, PEP 621, PEP 751).
 */
const SIGNATURES: readonly Signature[] = [
  {
    what: "an HTML page",
    hint: "Download the file itself (on GitHub: the Raw button), not the page that shows it.",
    all: [/^\s*<(?:!doctype html|html|head|!--|\?xml)/i],
  },
  {
    what: "a pixi.lock file",
    hint: "Make an explicit list with `pixi workspace export conda-explicit-spec`, or give the environment file.",
    all: [/^environments:[ \t]*$/m, /^version:[ \t]*\d/m, /^[ \t]*- (?:conda|pypi|kind):/m],
  },
  {
    what: "a conda-lock file",
    hint: "Render it to an explicit list, which is read: `conda-lock render --kind explicit --platform linux-64`.",
    all: [/^metadata:[ \t]*$/m, /^package:[ \t]*(?:\[\])?$/m, /^[ \t]+content_hash:/m],
  },
  {
    what: "a pixi.toml manifest",
    hint: "Export it with `pixi workspace export conda-environment env.yml`.",
    all: [/^\[(?:project|workspace)\]/m, /^channels[ \t]*=/m, /^platforms[ \t]*=/m],
  },
  {
    what: "a uv.lock file",
    hint: "Write a requirements file from it: `uv export --format requirements-txt > requirements.txt`.",
    all: [
      /^\[\[package\]\]/m,
      /^version[ \t]*=[ \t]*\d+[ \t]*$/m,
      /^(?:requires-python|source|revision)[ \t]*=/m,
    ],
  },
  {
    what: "a poetry.lock file",
    hint: "Write a requirements file from it: `poetry export -o requirements.txt`.",
    all: [/^\[\[package\]\]/m, /^\[metadata\]/m, /^content-hash[ \t]*=/m],
  },
  {
    what: "a pylock.toml file",
    hint: "Write a requirements file from it with the tool that made it, for instance `uv export`.",
    all: [/^lock-version[ \t]*=/m, /^\[\[packages\]\]/m],
  },
  {
    what: "a Pipfile.lock file",
    hint: "Write a requirements file from it: `pipenv requirements > requirements.txt`.",
    all: [/"pipfile-spec" ?:/, /"_meta" ?:/],
  },
  {
    what: "a Pipfile",
    hint: "Write a requirements file from it: `pipenv requirements > requirements.txt`.",
    all: [/^\[(?:packages|dev-packages)\]/m, /^\[\[source\]\]|^\[requires\]/m],
  },
  {
    what: "a pyproject.toml file",
    hint: "Give a requirements file; to install the project itself, one that holds its directory: `./path`.",
    all: [/^\[\[?(?:project|build-system|dependency-groups|tool\.[\w.\-"]+)(?:\.[\w.\-"]+)?\]\]?/m],
  },
  {
    what: "a setup.py script",
    hint: "Give a requirements file that holds the project's directory, such as `./path`.",
    all: [/^(?:from (?:setuptools|distutils)[\w.]* import|import setuptools)\b/m, /\bsetup\(/],
  },
  {
    what: "the table that `conda list` prints",
    hint: "Use `conda env export > env.yml` or `conda list --explicit > list.txt`.",
    all: [/^# packages in environment at /m],
  },
];

const EXPECTED: Readonly<Record<InputFormat, string>> = {
  "environment-yml": "a conda environment file (YAML with the key `dependencies`)",
  explicit: "a list of conda packages",
  "spec-list": "a list of conda packages",
  requirements: "a pip requirements file",
};

/**
 * Whether a text is a file of another tool, or one of ours in a wrong place, told by its content.
 * @param expected the format as which it would be read
 * @returns what to say, or undefined when it may be what was expected
 */
export function recogniseForeign(text: string, expected: InputFormat): ForeignFormat | undefined {
  for (const { what, hint, all } of SIGNATURES) {
    if (all.every((pattern) => pattern.test(text))) {
      // A YAML file may well hold such words in a text; only what YAML cannot be is told by TOML headers.
      if (expected === "environment-yml" && what.includes("toml") && !startsLikeToml(text)) continue;
      return {
        line: 1,
        message: `this is ${what}: expected ${EXPECTED[expected]}`,
        hint,
      };
    }
  }
  if (startsLikeToml(text)) {
    return { line: 1, message: `this is a TOML or INI file: expected ${EXPECTED[expected]}` };
  }
  if (expected !== "environment-yml" && /^\s*\{\s*["}]/.test(text)) {
    return { line: 1, message: `this is a JSON file: expected ${EXPECTED[expected]}` };
  }
  return ours(text, expected);
}

/** The first line that is no comment and not empty is a TOML header or assignment, and a header follows. */
function startsLikeToml(text: string): boolean {
  const first = /^[ \t]*[^\s#].*$/m.exec(text)?.[0] ?? "";
  if (TOML_HEADER.test(first)) return true;
  return /^[\w-]+\s*=\s*["'[{\dtf]/.test(first) && TOML_HEADER.test(text) && !/==/.test(first);
}

/** Formats that this tool reads, given in the wrong place. */
function ours(text: string, expected: InputFormat): ForeignFormat | undefined {
  const explicit = /^[ \t]*@EXPLICIT[ \t]*\r?$/m.exec(text);
  if (explicit && (expected === "environment-yml" || expected === "requirements")) {
    return {
      line: lineAt(text, explicit.index),
      message: `this is an explicit list of conda packages (@EXPLICIT): expected ${EXPECTED[expected]}`,
      hint:
        expected === "requirements"
          ? "Build it with `conda-containerize`."
          : "Give it a name without .yml or .yaml, such as packages.txt.",
    };
  }
  const environment = /^(?:dependencies|channels)[ \t]*:/m.exec(text);
  if (environment && expected !== "environment-yml") {
    return {
      line: lineAt(text, environment.index),
      message: `this is a conda environment file: expected ${EXPECTED[expected]}`,
      hint:
        expected === "requirements"
          ? "Build it with `conda-containerize`."
          : "Give it a name that ends in .yml: by the name it is told from a list of packages.",
    };
  }
  if (expected === "environment-yml" && !environment) return listInsteadOfYaml(text);
  if (expected === "requirements") return condaList(text, expected);
  if (expected === "spec-list") return pipList(text, expected);
  return undefined;
}

const CONDA_LINE = /^[A-Za-z0-9_][\w.-]*=[\w.!*+]+=[\w.*]+$/;

/** The lines with content, without comments. */
function contentLines(text: string): { content: string; line: number }[] {
  return text
    .split(/\r\n|\r|\n/, 5000)
    .map((raw, index) => ({ content: raw.trim(), line: index + 1 }))
    .filter(({ content }) => content !== "" && !content.startsWith("#"));
}

/** `name=version=build` on at least half of the lines, as `conda list --export` writes. */
function condaList(text: string, expected: InputFormat): ForeignFormat | undefined {
  const lines = contentLines(text);
  const conda = lines.filter(({ content }) => CONDA_LINE.test(content.slice(0, 300)));
  const first = conda[0];
  if (!first || conda.length < 3 || conda.length < lines.length / 2) return undefined;
  return {
    line: first.line,
    message: `this is a list of conda packages (name=version=build, \`conda list --export\`): expected ${EXPECTED[expected]}`,
    hint: "Build it with `conda-containerize`; pip takes name==version.",
  };
}

/** What only pip understands: options, markers, addresses of repositories. */
const PIP_LINE =
  /^(?:--?(?:r|c|e|i|f|requirement|constraint|editable|index-url|extra-index-url|find-links|pre|no-binary|only-binary|trusted-host)\b|(?:git|hg|svn|bzr)\+|[A-Za-z0-9][\w.-]*(?:\[[\w,. -]+\])?[^;#]*;\s*(?:python_version|sys_platform|platform_|os_name|extra|implementation)|[A-Za-z0-9][\w.-]*(?:\[[\w,. -]+\])?\s*@\s*\S+:|.*\s--hash=)/;

function pipList(text: string, expected: InputFormat): ForeignFormat | undefined {
  const first = contentLines(text).find(({ content }) => PIP_LINE.test(content.slice(0, 300)));
  if (!first) return undefined;
  return {
    line: first.line,
    message: `this is a pip requirements file (this line only pip understands): expected ${EXPECTED[expected]}`,
    hint: "Build it with `pip-containerize`, or list it under `- pip:` in an environment file: `- -r FILE`.",
  };
}

function listInsteadOfYaml(text: string): ForeignFormat | undefined {
  const lines = contentLines(text);
  const conda = condaList(text, "environment-yml");
  if (conda) {
    return {
      ...conda,
      line: 1,
      hint: "Give it a name without .yml or .yaml, or use `conda env export`, which writes YAML.",
    };
  }
  const plain = lines.filter(({ content }) =>
    /^[A-Za-z0-9][\w.-]*(?:\[[\w,. -]+\])?\s*(?:[=<>!~]=?.*)?$/.test(content.slice(0, 300)),
  );
  const pip = lines.find(({ content }) => PIP_LINE.test(content.slice(0, 300)) && !content.startsWith("- "));
  const first = lines[0];
  if (!first || (plain.length < lines.length && !pip)) return undefined;
  return {
    line: first.line,
    message: `this is a plain list of packages: expected ${EXPECTED["environment-yml"]}`,
    hint: pip
      ? "It is a pip requirements file: build it with `pip-containerize`."
      : "Give it a name without .yml or .yaml, or write the packages as `- package` below `dependencies:`.",
  };
}

function lineAt(text: string, index: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < index; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
