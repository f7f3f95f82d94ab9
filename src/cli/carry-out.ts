import { ExitCode, KapseliError } from "../errors.ts";
import type { BuildOptions } from "./build-command.ts";
import { buildFromFile } from "./build-from-file.ts";
import type { CommonWanted, Wanted } from "./wanted.ts";

function withoutHooks(wanted: CommonWanted): boolean {
  const { preInstall, postInstall, environ, wrapperPaths, portable } = wanted;
  return [preInstall, postInstall, environ, wrapperPaths].every((value) => value === undefined) && !portable;
}

function buildOptions(wanted: CommonWanted): BuildOptions {
  const { prefix, base, tmpdir, dryRun, json, debug } = wanted;
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(base === undefined ? {} : { base }),
    ...(tmpdir === undefined ? {} : { tmpdir }),
    dryRun,
    json,
    debug,
  };
}

/**
 * Does what a command line asks for.
 *
 * @throws {KapseliError} for everything that can go wrong, and for what is not there yet.
 */
export async function carryOut(wanted: Wanted): Promise<void> {
  const options = buildOptions(wanted);
  if (wanted.command === "conda-new" && withoutHooks(wanted)) {
    const { envFile: file, requirements, mamba, nocache, engine } = wanted;
    if (requirements === undefined && !mamba && !nocache) {
      const flags = engine === undefined ? {} : { conda_engine: { value: engine, flag: "--engine" } };
      return buildFromFile({ tool: "conda", file, what: "Env file", uv: false, options, flags });
    }
  }
  if (wanted.command === "pip-new" && withoutHooks(wanted)) {
    const { requirements: file, uv, slim, pyver, systemSitePackages, nocache } = wanted;
    if (!slim && pyver === undefined && !systemSitePackages && !nocache) {
      return buildFromFile({ tool: "pip", file, what: "Requirements file", uv, options, flags: {} });
    }
  }
  throw new KapseliError(ExitCode.unexpected, "not built yet");
}
