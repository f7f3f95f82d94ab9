/** templates/check_imports.py, with a real Python in a venv whose packages are made for it. */
import { execFileSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import checkImports from "../../src/templates/check_imports.py";
import { scratch } from "../support/programs.ts";

async function site(files: Record<string, string>, records: Record<string, object> = {}) {
  const venv = join(await scratch(), "venv");
  execFileSync("python3", ["-m", "venv", "--without-pip", venv]);
  const [python = ""] = await readdir(join(venv, "lib"));
  const packages = join(venv, "lib", python, "site-packages");
  const put = async (path: string, text: string) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  for (const [name, text] of Object.entries(files)) await put(join(packages, name), text);
  for (const [name, record] of Object.entries(records)) {
    await put(join(venv, "conda-meta", `${name}.json`), JSON.stringify(record));
  }
  return (...names: string[]) => {
    const request = JSON.stringify({ names, seconds: 5 });
    const argv = ["-I", "-c", checkImports, "MARK", request];
    const printed = execFileSync(join(venv, "bin", "python3"), argv, { encoding: "utf8", stdio: "pipe" });
    const found = JSON.parse(printed.split("MARK")[1] ?? "") as { name: string; state: string }[];
    expect(found.map(({ name }) => name)).toEqual(names);
    return found.map(({ name: _name, ...one }) => one);
  };
}

/** The dist-info of a package with these files. */
const dist = (name: string, files: string[]): Record<string, string> => ({
  [`${name}-1.dist-info/METADATA`]: `Metadata-Version: 2.1\nName: ${name}\nVersion: 1\n`,
  [`${name}-1.dist-info/RECORD`]: files.map((file) => `${file},,\n`).join(""),
  ...Object.fromEntries(files.map((file) => [file, ""])),
});

describe("importing packages by the names of their distributions", () => {
  it("finds the modules of each, and says how it went", async () => {
    const look = await site({
      ...dist("PyYAML", ["yaml/__init__.py", "yaml/reader.py", "_yaml/__init__.py"]),
      ...dist("attrs", ["attr/__init__.py", "attrs/__init__.py"]),
      ...dist("google-thing", ["google/thing/__init__.py", "google/thing/part/__init__.py"]),
      ...dist("single", ["single.py", "tests/__init__.py"]),
      ...dist("broken", ["broken/__init__.py"]),
      "broken/__init__.py": "print('noise')\nimport no_such_module\n",
      ...dist("ends", ["ends.py"]),
      "ends.py": "import os\nos.kill(os.getpid(), 9)\n",
      ...dist("hangs", ["hangs.py"]),
      "hangs.py": "import time\ntime.sleep(60)\n",
      ...dist("data-only", ["share/data.txt"]),
      "silent-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: silent\nVersion: 1\n",
    });
    const found = look(
      "pyyaml",
      "attrs",
      "google_thing",
      "single",
      "broken",
      "ends",
      "hangs",
      "data-only",
      "silent",
      "gone",
    );
    expect(found).toEqual([
      { state: "imported", modules: ["yaml"], said: "" },
      { state: "imported", modules: ["attrs"], said: "" },
      { state: "imported", modules: ["google.thing"], said: "" },
      { state: "imported", modules: ["single"], said: "" },
      { state: "failed", modules: ["broken"], said: "ModuleNotFoundError: No module named 'no_such_module'" },
      { state: "failed", modules: ["ends"], said: "signal 9" },
      { state: "failed", modules: ["hangs"], said: "it did not end within 5 s" },
      { state: "no-modules", modules: [], said: "" },
      { state: "unknown", modules: [], said: "" },
      { state: "missing", modules: [], said: "" },
    ]);
  });

  it("finds what a conda package of another name holds, and which hold nothing to import", async () => {
    const look = await site(dist("torch", ["torch/__init__.py"]), {
      "pytorch-1-0": {
        name: "pytorch",
        files: [
          "lib/python3.11/site-packages/torch/__init__.py",
          "lib/python3.11/site-packages/torch-1.dist-info/RECORD",
        ],
      },
      "zlib-1-0": { name: "zlib", files: ["lib/libz.so"] },
      "odd-1-0": { name: ["no", "text"] },
    });
    expect(look("pytorch", "zlib")).toEqual([
      { state: "imported", modules: ["torch"], said: "" },
      { state: "no-modules", modules: [], said: "" },
    ]);
  });
});
