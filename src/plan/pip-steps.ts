import { basename, dirname } from "node:path";
import uvInstaller from "../templates/uv_install.py";
import uvScript from "../templates/uv-install.sh";
import * as pip from "../tools/pip.ts";
import * as uv from "../tools/uv.ts";
import type { Container } from "./containers.ts";
import { environmentTree } from "./location.ts";
import type { PlanInputs } from "./make-plan.ts";
import type { PlannedCommand, PlannedFile, Step } from "./plan.ts";
import type { Input } from "./request.ts";
import { workPaths } from "./work-paths.ts";

/** A requirements file as a command can read it, and the file to write where the user's own cannot be used. */
function readable(
  input: Input,
  copy: string,
  mount: string,
): { path: string; directory: string; files: PlannedFile[] } {
  // What lies below the mount is covered by the work tree, and a pipe cannot be read again.
  const inPlace = input.regular && !input.path.startsWith(`${mount}/`);
  return {
    path: inPlace ? input.path : copy,
    directory: dirname(input.path),
    files: inPlace ? [] : [{ path: copy, content: input.bytes }],
  };
}

/** One file of requirements, and how it is installed. */
interface Part {
  purpose: string;
  path: string;
  /** Where relative paths in it begin. */
  directory?: string;
  report: string;
  further: readonly string[];
}

/** What is installed, one part after the other, and the files to write for it. */
interface Parts {
  parts: Part[];
  files: PlannedFile[];
}

/**
 * What the user's file asks for is one part. A lock is two, for pip takes hashes for all requirements of a call or for
 * none; it is complete: nothing that it does not name is installed.
 */
function partsOf(input: Input, inputs: PlanInputs, purpose: string): Parts {
  const paths = workPaths(inputs.workDirectory);
  if (!input.locked) {
    const { path, directory, files } = readable(input, paths.requirements, inputs.location.mount);
    return { parts: [{ purpose, path, directory, report: paths.pipReport, further: [] }], files };
  }
  const { hashed, unhashed } = input.locked;
  const all = [
    {
      lines: hashed,
      purpose: "install the packages that have hashes",
      path: paths.requirements,
      report: paths.pipReport,
      further: ["--no-deps", "--require-hashes"],
    },
    {
      lines: unhashed,
      purpose: "install the packages without hashes",
      path: paths.unhashed,
      report: paths.unhashedReport,
      further: ["--no-deps"],
    },
  ].filter(({ lines }) => lines.length > 0);
  return {
    parts: all,
    files: all.map(({ path, lines }) => ({ path, content: `${lines.join("\n")}\n` })),
  };
}

/**
 * Whether uv can install on the host into the work tree: each directory that is bound into a container is a mount of
 * its own, across which there are no hard links from its cache, and copies of ten thousands of files take ten times as long.
 */
function installsOutside(inputs: PlanInputs, python: string): boolean {
  const { base, location } = inputs;
  const { isolated, pyver } = inputs.request.options;
  const isHosts = base.kind === "host" && !isolated && pyver === undefined && python.startsWith("/");
  return isHosts && [location.environment, environmentTree(inputs)].every(uv.hasPlainScripts);
}

/** A venv that uv makes and fills. */
function uvVenv(
  inputs: PlanInputs,
  engine: { path: string; python: string },
  isLocked: boolean,
  { parts, files }: Parts,
  inBase: Container,
): Pick<Step, "files" | "commands" | "inTree"> {
  const { systemSitePackages, pyver } = inputs.request.options;
  const root = inputs.location.environment;
  const { uvScript: script, uvInstaller: installer } = workPaths(inputs.workDirectory);
  const python = pyver ?? engine.python;
  const environment = { ...uv.UV_VARIABLES, ...uv.ownPythons(root) };
  const scripts = [
    { path: script, content: uvScript },
    { path: installer, content: uvInstaller },
  ];
  const make = (venvOf: string, at: string, requirements: string): [string, ...string[]] =>
    uv.installArgv({
      script,
      installer,
      uv: engine.path,
      python: venvOf,
      root: at,
      requirements,
      systemSitePackages,
    });
  const outside = installsOutside(inputs, engine.python);
  if (!outside && !isLocked) {
    // In one start of a container.
    const purpose = "make the venv and install the requirements";
    const commands = parts.map(({ path, directory }): PlannedCommand => {
      return { purpose, output: "uv", argv: inBase(make(python, root, path), directory), environment };
    });
    return { files: [...files, ...scripts], commands };
  }
  const at = outside ? environmentTree(inputs) : root;
  const install = ({ purpose, path, directory, further }: Part): PlannedCommand => {
    const argv = isLocked ? uv.pipInstallArgv(installer, engine.path, at, path, further) : make("", at, path);
    if (!outside) return { purpose, output: "uv", argv: inBase(argv), environment };
    const cwd = directory === undefined ? {} : { cwd: directory };
    return { purpose, output: "uv", argv, ...cwd, environment: uv.UV_VARIABLES_ON_HOST };
  };
  return {
    files: [...files, ...scripts],
    commands: [
      { purpose: "make the venv", output: "uv", argv: inBase(make(python, root, "")), environment },
      ...parts.map(install),
    ],
    ...(outside ? { inTree: true } : {}),
  };
}

/** The files and commands that make a venv with what a requirements file, or a lock, asks for. */
export function newVenv(
  inputs: PlanInputs,
  input: Input,
  inBase: Container,
): Pick<Step, "files" | "commands" | "inTree"> {
  const { engine, location, request } = inputs;
  const root = location.environment;
  const wanted = partsOf(input, inputs, "install the requirements");
  if (engine.engine === "uv") return uvVenv(inputs, engine, input.locked !== undefined, wanted, inBase);
  if (engine.engine !== "pip") throw new RangeError(`${engine.engine} is no engine for requirements files`);
  const venv = pip.venvArgv(engine.python, root, request.options.systemSitePackages);
  return {
    files: wanted.files,
    commands: [
      { purpose: "make the venv", output: "pip", argv: inBase(venv) },
      ...wanted.parts.map(({ purpose, path, directory, report, further }): PlannedCommand => {
        const argv = pip.installArgv(root, path, report, further);
        return { purpose, output: "pip", argv: inBase(argv, directory) };
      }),
    ],
  };
}

/** Installs a requirements file into an environment that is there, by pip or by uv. */
export function requirementsInstall(
  inputs: PlanInputs,
  input: Input,
  inBase: Container,
): Pick<Step, "files" | "commands"> {
  const { location, uv: uvPath } = inputs;
  const root = location.environment;
  const { uvInstaller: installer } = workPaths(inputs.workDirectory);
  const { parts, files } = partsOf(input, inputs, `install ${basename(input.path)}`);
  const command = ({ purpose, path, directory, report, further }: Part): PlannedCommand => {
    if (uvPath === undefined) {
      const argv = pip.installArgv(root, path, report, further);
      return { purpose, output: "pip", argv: inBase(argv, directory) };
    }
    const argv = uv.pipInstallArgv(installer, uvPath, root, path, further);
    return { purpose, output: "uv", argv: inBase(argv, directory), environment: uv.UV_VARIABLES };
  };
  const scripts = uvPath === undefined ? [] : [{ path: installer, content: uvInstaller }];
  return { files: [...files, ...scripts], commands: parts.map(command) };
}
