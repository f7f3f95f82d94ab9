import type { Command } from "commander";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { condaContainerize } from "../../../src/cli/conda-containerize.ts";
import { pipContainerize } from "../../../src/cli/pip-containerize.ts";
import type { CarryOut, Wanted } from "../../../src/cli/wanted.ts";
import { wrapContainer } from "../../../src/cli/wrap-container.ts";
import { wrapInstall } from "../../../src/cli/wrap-install.ts";

const TOOLS = {
  conda: condaContainerize,
  pip: pipContainerize,
  "wrap-container": wrapContainer,
  "wrap-install": wrapInstall,
} satisfies Record<string, (carryOut: CarryOut) => Command>;

interface Said {
  wanted: Wanted[];
  stderr: string;
  stdout: string;
  error: unknown;
}

/** What a command line, its words separated by spaces, hands over and says. */
async function say(line: string): Promise<Said> {
  const [tool, ...words] = line.split(" ");
  const said: Said = { wanted: [], stderr: "", stdout: "", error: undefined };
  const collect = (stream: "stdout" | "stderr") =>
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      said[stream] += text;
      return true;
    });
  const spies = [collect("stdout"), collect("stderr")];
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore();
  });
  const program = TOOLS[tool as keyof typeof TOOLS](async (wanted) => void said.wanted.push(wanted));
  try {
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    said.error = error;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return said;
}

async function wanted(line: string): Promise<Wanted> {
  const said = await say(line);
  expect(said.stderr).toBe("");
  expect(said.wanted).toHaveLength(1);
  return said.wanted[0] as Wanted;
}

const PLAIN = { dryRun: false, json: false, debug: false, portable: false };
const CONDA_NEW = {
  ...PLAIN,
  command: "conda-new",
  envFile: "e.yml",
  mamba: false,
  uv: false,
  nocache: false,
};
const PIP_NEW = {
  ...PLAIN,
  command: "pip-new",
  requirements: "r.txt",
  uv: false,
  slim: false,
  systemSitePackages: false,
  nocache: false,
};
const UPDATE = { ...PLAIN, directory: "d", nocache: false, removeWrapperPaths: [] };
const SHARED = "--prefix p --pre-install a --post-install b --environ c -w x,y/z --base host --tmpdir t";
const SHARED_WANTED = {
  prefix: "p",
  preInstall: "a",
  postInstall: "b",
  environ: "c",
  wrapperPaths: ["x", "y/z"],
  base: "host",
  tmpdir: "t",
};
const ALL = { dryRun: true, json: true, debug: true };

describe("what a command line asks for", () => {
  it.each<[string, object]>([
    ["conda new e.yml", CONDA_NEW],
    [
      `conda new ${SHARED} --mamba --uv --nocache -r q --engine conda --portable --dry-run --json --debug e.yml`,
      {
        ...CONDA_NEW,
        ...SHARED_WANTED,
        ...ALL,
        mamba: true,
        uv: true,
        nocache: true,
        requirements: "q",
        engine: "conda",
        portable: true,
      },
    ],
    ["conda update d", { ...UPDATE, command: "conda-update" }],
    [
      "conda update --pre-install a --post-install b --environ c -w x --remove-wrapper-paths y,z --nocache --requirement q d",
      {
        ...UPDATE,
        command: "conda-update",
        preInstall: "a",
        postInstall: "b",
        environ: "c",
        wrapperPaths: ["x"],
        removeWrapperPaths: ["y", "z"],
        nocache: true,
        requirements: "q",
      },
    ],
    ["conda advanced y.yaml", { ...PLAIN, command: "advanced", tool: "conda", yaml: "y.yaml" }],
    ["pip new r.txt", PIP_NEW],
    [
      `pip new ${SHARED} --uv --pyver 3.12 --system-site-packages --nocache --portable r.txt`,
      {
        ...PIP_NEW,
        ...SHARED_WANTED,
        uv: true,
        pyver: "3.12",
        systemSitePackages: true,
        nocache: true,
        portable: true,
      },
    ],
    [
      "pip new --slim --pyver 3.13.2-slim-bullseye r.txt",
      { ...PIP_NEW, slim: true, pyver: "3.13.2-slim-bullseye" },
    ],
    ["pip update -r q d", { ...UPDATE, command: "pip-update", requirements: "q" }],
    ["pip update --requirements-file q d", { ...UPDATE, command: "pip-update", requirements: "q" }],
    ["pip advanced y.yaml", { ...PLAIN, command: "advanced", tool: "pip", yaml: "y.yaml" }],
    [
      "wrap-container --wrapper-paths /a,/b/c --prefix p --environ e -y f.yaml docker://i:1",
      {
        ...PLAIN,
        command: "wrap-container",
        container: "docker://i:1",
        wrapperPaths: ["/a", "/b/c"],
        prefix: "p",
        environ: "e",
        yaml: "f.yaml",
      },
    ],
    [
      `wrap-install ${SHARED} --mask --yaml f.yaml d`,
      {
        ...PLAIN,
        ...SHARED_WANTED,
        command: "wrap-install",
        directory: "d",
        mask: true,
        inPlace: false,
        compile: false,
        yaml: "f.yaml",
      },
    ],
    [
      "wrap-install --in-place d",
      { ...PLAIN, command: "wrap-install", directory: "d", mask: false, inPlace: true, compile: false },
    ],
  ])("%s", async (line, expected) => {
    expect(await wanted(line)).toEqual(expected);
  });
});

describe("the shared rules", () => {
  it.each([
    ["conda new --post s e.yml", { postInstall: "s" }],
    ["conda new --env s e.yml", { environ: "s" }],
    ["conda new --wrapper s e.yml", { wrapperPaths: ["s"] }],
    ["conda new --req s e.yml", { requirements: "s" }],
    ["conda new --pre- s e.yml", { preInstall: "s" }],
    ["conda new --mam e.yml", { mamba: true }],
    ["conda update --pre s d", { preInstall: "s" }],
    ["conda update --re s d", { requirements: "s" }],
    ["pip new --slim --py 3.11 r.txt", { pyver: "3.11" }],
    ["pip new --sys r.txt", { systemSitePackages: true }],
    ["wrap-container -w /x --pref=s i", { prefix: "s" }],
    ["wrap-install -w x --mas d", { mask: true }],
    ["conda new --e s --po t e.yml", { environ: "s", postInstall: "t" }],
  ])("take Tykky's abbreviations: %s", async (line, expected) => {
    expect(await wanted(line)).toMatchObject(expected);
  });

  it.each([
    ["conda new --pre s e.yml", "--prefix, --pre-install"],
    ["pip new --pre s r.txt", "--prefix, --pre-install"],
    ["wrap-install -w x --pre s d", "--prefix, --pre-install"],
    ["pip new --p s r.txt", "--prefix, --pre-install, --post-install, --pyver"],
  ])("refuse an ambiguous abbreviation: %s", async (line, candidates) => {
    const { stderr, wanted: none, error } = await say(line);
    expect(error).toMatchObject({ name: "CommanderError" });
    expect(stderr).toMatch(/^usage: /);
    expect(stderr).toContain(`error: ambiguous option: ${line.split(" ").find((w) => /^--p/.test(w))} `);
    expect(stderr).toContain(candidates);
    expect(none).toEqual([]);
  });

  it.each(["conda new -w x e.yml", "conda new e.yml -w x", "conda new -wx e.yml", "conda new -w=x e.yml"])(
    "take options and operands in any order and form: %s",
    async (line) => {
      expect(await wanted(line)).toMatchObject({ envFile: "e.yml", wrapperPaths: ["x"] });
    },
  );

  it("let the last of repeated options win", async () => {
    expect(await wanted("conda new -w a -w b --prefix x --prefix y e.yml")).toMatchObject({
      wrapperPaths: ["b"],
      prefix: "y",
    });
  });

  it("end the options at --", async () => {
    expect(await wanted("conda new --mamba -- --uv")).toMatchObject({ envFile: "--uv", uv: false });
  });

  it.each(["conda ne e.yml", "pip upd d", "conda adv y"])(
    "do not abbreviate sub-commands: %s",
    async (line) => {
      const { stderr, wanted: none } = await say(line);
      expect(stderr).toContain("error: unknown command");
      expect(none).toEqual([]);
    },
  );

  it.each([
    ["conda new", "env"],
    ["conda update", "dir"],
    ["conda advanced", "yaml"],
    ["pip new", "requirements"],
    ["pip update", "dir"],
    ["pip advanced", "yaml"],
    ["wrap-container -w /x", "container"],
    ["wrap-install -w x", "dir"],
  ])("H6: %s says that %s is required", async (line, name) => {
    const { stderr, stdout, error } = await say(line);
    expect(error).toMatchObject({ name: "CommanderError" });
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^usage: /);
    expect(stderr).toContain(`error: the following arguments are required: ${name}\n`);
  });

  it.each([
    ["conda update --prefix p d", "unknown option '--prefix'"],
    ["conda update --mamba d", "unknown option '--mamba'"],
    ["wrap-container -w /x --post-install s i", "unknown option '--post-install'"],
    ["wrap-container -w /x --mask i", "unknown option '--mask'"],
    ["pip advanced --nocache y", "unknown option '--nocache'"],
    ["conda new --prefix --mamba e.yml", "option --prefix needs a value, but --mamba follows"],
    ["conda new e.yml --prefix", "argument missing"],
    ["conda new --prefix= e.yml", "argument '' is invalid. It is empty."],
    ["conda new a b", "too many arguments"],
    ["pip new --uv --slim r.txt", "option '--uv' cannot be used with option '--slim'"],
    ["pip new --slim --base host r.txt", "leave out --slim to run over `host`, or --base"],
    ["wrap-install --in-place --mask d", "option '--in-place' cannot be used with option '--mask'"],
    ["wrap-install --prefix p --in-place d", "cannot be used with option '--prefix <dir>'"],
    ["conda new -w a,,b e.yml", "An item of the list is empty"],
    ["conda new -w a, e.yml", "An item of the list is empty"],
    ["conda new --wrapper-paths= e.yml", "An item of the list is empty"],
    ["conda update --remove-wrapper-paths ,a d", "An item of the list is empty"],
  ])("refuse %s", async (line, message) => {
    const { stderr, wanted: none, error } = await say(line);
    expect(error).toMatchObject({ name: "CommanderError" });
    expect(stderr).toMatch(/^usage: .*\nerror: /);
    expect(stderr).toContain(message);
    expect(none).toEqual([]);
  });
});

describe("options without effect", () => {
  it("--uv without --mamba is warned of and dropped", async () => {
    const { wanted: handed, stdout } = await say("conda new --uv e.yml");
    expect(stdout).toContain("[ WARNING ] --uv has no effect without --mamba");
    expect(handed).toEqual([CONDA_NEW]);
  });

  it("--pyver without --uv or --slim is warned of and dropped", async () => {
    const { wanted: handed, stdout } = await say("pip new --pyver 3.11 r.txt");
    expect(stdout).toContain("[ WARNING ] --pyver has no effect without --uv or --slim");
    expect(handed).toEqual([PIP_NEW]);
  });

  it("are said in JSON where that is asked for", async () => {
    const { stdout } = await say("conda new --uv --json e.yml");
    expect(JSON.parse(stdout)).toMatchObject({ event: "warning", message: expect.stringContaining("--uv") });
  });

  it("are not said where they have one", async () => {
    expect((await say("conda new --uv --mamba e.yml")).stdout).toBe("");
    expect((await say("pip new --uv --pyver 3 r.txt")).stdout).toBe("");
  });
});

describe("the wrap tools", () => {
  it.each([
    ["wrap-container i", "wrap-container requires -w/--wrapper-paths"],
    ["wrap-container -y f.yaml i", "wrap-container requires -w/--wrapper-paths"],
    ["wrap-install d", "wrap-install requires -w/--wrapper-paths"],
    ["wrap-install --mask d", "wrap-install requires -w/--wrapper-paths"],
    [
      "wrap-container -w /a,bin i",
      'Only absolute paths are accepted for --wrapper-paths/-w: "bin" is not one',
    ],
  ])("refuse %s as bad input", async (line, message) => {
    const { error, wanted: none } = await say(line);
    expect(error).toMatchObject({ name: "KapseliError", code: 3, message });
    expect(none).toEqual([]);
  });
});
