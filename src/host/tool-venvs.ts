import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { explainPipFailure } from "../tools/pip.ts";
import type { PythonFacts } from "../tools/python.ts";
import { isExecutable } from "./facts.ts";
import { makeDirectories } from "./files.ts";
import { run } from "./processes.ts";
import { inOwnDirectory } from "./work-directory.ts";

/** A program that comes as a wheel and lives in a private venv in the cache. */
export interface WheelTool {
  name: string;
  version: string;
  /** sha256 of the wheels for x86_64 and aarch64, as the package index publishes them for this version. */
  sha256: readonly string[];
}

/** The rattler solver and installer; hashes of the cp310-abi3 manylinux wheels. */
export const PY_RATTLER: WheelTool = {
  name: "py-rattler",
  version: "0.28.0",
  sha256: [
    "4f4ab1d34d5394e7ce130a86e59009c95ace4f5757d9c3af04de1351bcea47eb",
    "61b24202374188e72130f1b3dc63b455befaafc3e49e5481a38b6a6c8828c1e0",
  ],
};

/** uv; hashes of the py3-none manylinux wheels. */
export const UV: WheelTool = {
  name: "uv",
  version: "0.13.8",
  sha256: [
    "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    "0b3e8b1a4f5e405e31e2ff33de8af4744831e9f7338539671efbd8c3c94e791d",
  ],
};

/** pip takes many minutes only when something hangs. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;

export interface ToolVenvRequest {
  tool: WheelTool;
  python: PythonFacts;
  cacheDirectory: string;
  environment: Readonly<Record<string, string>>;
  signal: AbortSignal;
  onLine?: (line: string) => void;
}

/**
 * A venv in the cache that holds one tool, pinned and checked by sha256; made when it is not there. pip's own
 * configuration (index, proxy, certificates) holds.
 *
 * @returns the absolute path of the venv.
 * @throws {KapseliError} `installFailed` when pip cannot install it, `hostCannot` when no venv can be made.
 */
export async function ensureToolVenv(request: ToolVenvRequest): Promise<string> {
  const { tool, python, cacheDirectory, environment, signal } = request;
  const minor = python.version.split(".").slice(0, 2).join(".");
  const final = join(cacheDirectory, "tools", `${tool.name}-${tool.version}-python${minor}`);
  if (isExecutable(join(final, "bin", "python"))) return final;

  const parent = join(cacheDirectory, "tools");
  await makeDirectories(parent, 0o700);
  const {
    PYTHONPATH: _path,
    PYTHONHOME: _home,
    PIP_TARGET: _target,
    PIP_PREFIX: _prefix,
    PIP_USER: _user,
    ...env
  } = environment;
  return inOwnDirectory(parent, async (own) => {
    const making = join(own, "venv");
    // What pip and ensurepip leave behind when they are stopped goes with it.
    const temporary = join(own, "tmp");
    const step = async (argv: [string, ...string[]]): Promise<string[]> => {
      const lines: string[] = [];
      const onLine = (line: string): void => {
        lines.push(line);
        request.onLine?.(line);
      };
      const finished = await run(
        { argv, env: { ...env, TMPDIR: temporary } },
        { signal, onLine, timeoutMs: INSTALL_TIMEOUT_MS },
      );
      if (finished.exitCode === 0) return lines;
      if (argv.includes("venv")) {
        throw new KapseliError(ExitCode.hostCannot, `${python.path} cannot make a venv`, {
          lines: lines.slice(-8),
          hint: "Install its venv module (python3-venv on Debian), or load a module with a complete Python.",
        });
      }
      throw explainPipFailure(lines, finished.exitCode).with({
        where: `installing ${tool.name} ${tool.version}`,
      });
    };
    await mkdir(temporary, { mode: 0o700 });
    await step([python.path, "-I", "-m", "venv", making]);
    const requirements = join(making, "requirements.txt");
    const hashes = tool.sha256.map((sha256) => `--hash=sha256:${sha256}`).join(" ");
    await writeFile(requirements, `${tool.name}==${tool.version} ${hashes}\n`);
    const install = [
      "-m",
      "pip",
      "install",
      "--no-input",
      "--disable-pip-version-check",
      "--progress-bar",
      "off",
    ];
    const only = ["--no-deps", "--require-hashes", "--only-binary=:all:", "-r", requirements];
    await step([join(making, "bin", "python"), ...install, ...only]);
    await rename(making, final).catch(async (error: NodeJS.ErrnoException) => {
      // Another build made it at the same time.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    return final;
  });
}
