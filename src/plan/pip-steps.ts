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
  const { path, directory, files } = readable(input, paths.requirements, location.mount);
  const argv =
    uvPath === undefined
      ? pip.installArgv(location.environment, path, paths.pipReport)
      : uv.pipInstallArgv(paths.uvInstaller, uvPath, location.environment, path);
  const command: PlannedCommand = {
    purpose: `install ${basename(input.path)}`,
    output: uvPath === undefined ? "pip" : "uv",
    argv: inBase(argv, directory),
    ...(uvPath === undefined ? {} : { environment: uv.UV_VARIABLES }),
  };
  const scripts = uvPath === undefined ? [] : [{ path: paths.uvInstaller, content: uvInstaller }];
  return { files: [...files, ...scripts], commands: [command] };
}
