import { describe, expect, it } from "vitest";
import { namedPackages } from "../../../src/plan/named-packages.ts";

const named = (tool: "conda" | "pip", files: Record<string, string>) =>
  namedPackages(
    tool,
    Object.entries(files).map(([name, text]) => ({ name, bytes: Buffer.from(text) })),
    "linux-64",
  );
const YML =
  "dependencies:\n  - python=3.11\n  - Numpy\n  - pip:\n    - six>=1\n    - torch; sys_platform == 'win32'\n";
const EXPLICIT = "@EXPLICIT\nhttps://example.org/c/noarch/libfoo-1.0-0.conda\n";

describe("the packages that inputs name", () => {
  it.each<[string, "conda" | "pip", Record<string, string>, string[]]>([
    [
      "of an environment file with its pip: section, but for what a marker may leave out",
      "conda",
      { "env.yml": YML },
      ["python", "numpy", "six"],
    ],
    [
      "of a requirements file, not its constraints",
      "pip",
      { "r.txt": "cowsay\n-r more.txt\nsix==1 # why\n" },
      ["cowsay", "six"],
    ],
    [
      "of several builds, each once",
      "conda",
      { "env.yml": "dependencies: [a_b]\n", "requirements.txt": "A-B\nc\n" },
      ["a_b", "c"],
    ],
    [
      "not of a build from a lock, where it was asked for before",
      "conda",
      { "env.yml": "dependencies: [a]\n", "conda-packages.txt": EXPLICIT },
      ["a"],
    ],
    ["of a lock, where that is all there is", "conda", { "conda-packages.txt": EXPLICIT }, ["libfoo"]],
    ["of nothing that cannot be read", "conda", { "env.yml": "dependencies: [\n" }, []],
  ])("%s", (_what, tool, files, names) => expect(named(tool, files).names).toEqual(names));
});
