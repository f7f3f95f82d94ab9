import { dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { parseVersion, type Runtime } from "../tools/singularity.ts";
import { findHostProgram } from "./host-programs.ts";
import { run } from "./processes.ts";

/** What decides whether a user may have namespaces, below /proc/sys. */
export const NAMESPACE_SYSCTLS = [
  "user/max_user_namespaces",
  "kernel/unprivileged_userns_clone",
  "kernel/apparmor_restrict_unprivileged_userns",
];

/** Where the configuration of a runtime usually is: the distribution's packages, and installations below a prefix. */
export function usualConfigurations(runtime: Runtime): string[] {
  const prefix = dirname(dirname(runtime.path));
  return [...new Set(["/", "/usr/local", prefix])].flatMap((root) =>
    ["apptainer", "singularity"].map((name) => join(root, "etc", name, `${name}.conf`)),
  );
}

/** Which names a runtime goes by; Apptainer installs both. */
const NAMES = ["apptainer", "singularity"];

/**
 * Finds the container runtime: the one configured, else the first on PATH.
 *
 * @throws {KapseliError} `hostCannot` when there is none.
 */
export async function findRuntime(
  configured: string,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Runtime> {
  const names = configured === "" ? NAMES : [configured];
  const path = findHostProgram(names, environment.PATH);
  if (path === undefined) {
    if (configured !== "") {
      throw new KapseliError(ExitCode.hostCannot, `the container runtime ${configured} does not exists`, {
        hint: "Correct singularity_executable_path in the configuration.",
      });
    }
    throw new KapseliError(ExitCode.hostCannot, "neither apptainer nor singularity is on PATH", {
      hint: "Load its module (module avail apptainer singularity), or ask the administrator to install Apptainer or SingularityCE.",
    });
  }
  const printed = await run(
    { argv: [path, "--version"], env: { ...environment } },
    { signal, timeoutMs: 30_000 },
  );
  const runtime = parseVersion(path, printed.stdout);
  if (printed.exitCode !== 0 || runtime.family === "unknown") {
    throw new KapseliError(
      ExitCode.hostCannot,
      `${path} does not seem to be a valid apptainer/singularity executable`,
      {
        lines: `${printed.stdout}\n${printed.stderr}`.trim().split("\n").slice(0, 5),
        hint: "Name the right program in singularity_executable_path.",
      },
    );
  }
  return runtime;
}

/** mksquashfs on PATH, or beside the runtime and in the directories administrators' tools are in. */
export function findMksquashfs(runtime: Runtime, environment: Readonly<Record<string, string>>): string {
  return findSquashfsTool("mksquashfs", runtime, environment);
}

/** unsquashfs, where `findMksquashfs` looks. */
export function findUnsquashfs(runtime: Runtime, environment: Readonly<Record<string, string>>): string {
  return findSquashfsTool("unsquashfs", runtime, environment);
}

function findSquashfsTool(
  name: string,
  runtime: Runtime,
  environment: Readonly<Record<string, string>>,
): string {
  const beside = runtime.path.replace(/\/[^/]*$/, "");
  const directories = `${environment.PATH ?? ""}:${beside}:/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/usr/libexec/apptainer/bin`;
  const path = findHostProgram([name], directories);
  if (path) return path;
  throw new KapseliError(ExitCode.hostCannot, `${name} is not on this host`, {
    hint: "Load a module that has squashfs-tools, or ask the administrator to install it (squashfs-tools 4.3 or newer).",
  });
}

/** A program that runtimes bring or need (squashfuse_ll …), where it may be; undefined when the host has none. */
export function findRuntimeHelper(
  name: string,
  runtime: Runtime,
  environment: Readonly<Record<string, string>>,
): string | undefined {
  const beside = runtime.path.replace(/\/bin\/[^/]*$/, "");
  const directories = `${environment.PATH ?? ""}:/usr/bin:/usr/local/bin:${beside}/libexec/singularity/bin:${beside}/libexec/apptainer/bin`;
  return findHostProgram([name], directories);
}
