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

/** One file of requirements, with the options for it. */
interface Part {
  purpose: string;
  path: string;
  report: string;
  further: readonly string[];
}

/**
 * What installs a lock: in two calls, for pip takes hashes for all requirements of a call or for none. A lock is
 * complete: nothing that it does not name is installed.
 */
function lockedParts(
  { locked }: Input,
  paths: ReturnType<typeof workPaths>,
): { parts: Part[]; files: PlannedFile[] } | undefined {
  if (!locked) return undefined;
  const { hashed, unhashed } = locked;
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

/** A venv with the packages of a lock. */
function lockedVenv(
  inputs: PlanInputs,
  { parts, files }: NonNullable<ReturnType<typeof lockedParts>>,
  inBase: Container,
): Pick<Step, "files" | "commands" | "inTree"> {
  const { engine, location } = inputs;
  const { systemSitePackages, pyver } = inputs.request.options;
  const root = location.environment;
  const { uvScript: script, uvInstaller: installer } = workPaths(inputs.workDirectory);
  if (engine.engine === "uv") {
    const outside = installsOutside(inputs, engine.python);
    const venv = uv.installArgv({
      script,
      installer,
      uv: engine.path,
      python: outside ? engine.python : (pyver ?? engine.python),
      root,
      requirements: "",
      systemSitePackages,
    });
    const environment = { ...uv.UV_VARIABLES, ...uv.ownPythons(root) };
    const install = ({ purpose, path, further }: Part): PlannedCommand => {
      const at = outside ? environmentTree(inputs) : root;
      const argv = uv.pipInstallArgv(installer, engine.path, at, path, further);
      return outside
        ? { purpose, output: "uv", argv, environment: uv.UV_VARIABLES_ON_HOST }
        : { purpose, output: "uv", argv: inBase(argv), environment };
    };
    return {
      files: [...files, { path: script, content: uvScript }, { path: installer, content: uvInstaller }],
      commands: [
        { purpose: "make the venv", output: "uv", argv: inBase(venv), environment },
        ...parts.map(install),
      ],
      ...(outside ? { inTree: true } : {}),
    };
  }
  if (engine.engine !== "pip") throw new RangeError(`${engine.engine} is no engine for requirements files`);
  const argv = inBase(pip.venvArgv(engine.python, root, systemSitePackages));
  return {
    files,
    commands: [
      { purpose: "make the venv", output: "pip", argv },
      ...parts.map(({ purpose, path, report, further }): PlannedCommand => {
        return { purpose, output: "pip", argv: inBase(pip.installArgv(root, path, report, further)) };
      }),
    ],
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

/** The files and commands that make a venv with what a requirements file asks for. */
export function newVenv(
  inputs: PlanInputs,
  input: Input,
  inBase: Container,
): Pick<Step, "files" | "commands" | "inTree"> {
  const { engine, location } = inputs;
  const { systemSitePackages, pyver } = inputs.request.options;
  const root = location.environment;
  const paths = workPaths(inputs.workDirectory);
  const parts = lockedParts(input, paths);
  if (parts) return lockedVenv(inputs, parts, inBase);
  const requirements = readable(input, paths.requirements, location.mount);
  if (engine.engine === "uv") {
    const install = (python: string, at: string, file: string): [string, ...string[]] =>
      uv.installArgv({
        script: paths.uvScript,
        installer: paths.uvInstaller,
        uv: engine.path,
        python,
        root: at,
        requirements: file,
        systemSitePackages,
      });
    const { path, directory } = requirements;
    const environment = { ...uv.UV_VARIABLES, ...uv.ownPythons(root) };
    const files = [
      ...requirements.files,
      { path: paths.uvScript, content: uvScript },
      { path: paths.uvInstaller, content: uvInstaller },
    ];
    if (!installsOutside(inputs, engine.python)) {
      const purpose = "make the venv and install the requirements";
      const argv = inBase(install(pyver ?? engine.python, root, path), directory);
      return { files, commands: [{ purpose, output: "uv", argv, environment }] };
    }
    return {
      files,
      commands: [
        {
          purpose: "make the venv",
          output: "uv",
          argv: inBase(install(engine.python, root, "")),
          environment,
        },
        {
          purpose: "install the requirements",
          output: "uv",
          argv: install("", environmentTree(inputs), path),
          cwd: directory,
          environment: uv.UV_VARIABLES_ON_HOST,
        },
      ],
      inTree: true,
    };
  }
  if (engine.engine !== "pip") throw new RangeError(`${engine.engine} is no engine for requirements files`);
  return {
    files: requirements.files,
    commands: [
      {
        purpose: "make the venv",
        output: "pip",
        argv: inBase(pip.venvArgv(engine.python, root, systemSitePackages)),
      },
      {
        purpose: "install the requirements",
        output: "pip",
        argv: inBase(pip.installArgv(root, requirements.path, paths.pipReport), requirements.directory),
      },
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
  const paths = workPaths(inputs.workDirectory);
  const command = ({ purpose, path, report, further }: Part, directory?: string): PlannedCommand => {
    const argv =
      uvPath === undefined
        ? pip.installArgv(location.environment, path, report, further)
        : uv.pipInstallArgv(paths.uvInstaller, uvPath, location.environment, path, further);
    return {
      purpose,
      output: uvPath === undefined ? "pip" : "uv",
      argv: inBase(argv, directory),
      ...(uvPath === undefined ? {} : { environment: uv.UV_VARIABLES }),
    };
  };
  const scripts = uvPath === undefined ? [] : [{ path: paths.uvInstaller, content: uvInstaller }];
  const locked = lockedParts(input, paths);
  if (locked) {
    return { files: [...locked.files, ...scripts], commands: locked.parts.map((part) => command(part)) };
  }
  const { path, directory, files } = readable(input, paths.requirements, location.mount);
  const purpose = `install ${basename(input.path)}`;
  return {
    files: [...files, ...scripts],
    commands: [command({ purpose, path, report: paths.pipReport, further: [] }, directory)],
  };
}
