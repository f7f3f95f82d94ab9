import { type ConfigSources, type FlagValues, type LayeredConfig, resolveLayers } from "../config/resolve.ts";
import type { HostFacts } from "../host/facts.ts";
import { readConfigFile, readSiteFile } from "../host/input-file.ts";

/** What a command knows of its configuration. */
export interface ConfigRequest {
  /** The site file to use instead of CW_GLOBAL_YAML and the installation's. */
  siteFile?: string;
  /** What the command line means before the user's file; the file goes before it. */
  implied?: FlagValues;
  /** A user's YAML, of `-y` or of `advanced` (`strict`: unknown and missing keys are errors). */
  user?: { path: string; strict: boolean };
  /** Options that go before the user's file. */
  flags?: FlagValues;
}

/** What configurations are made of besides files and options. */
export function hostSources(facts: HostFacts): ConfigSources {
  const { environment, home, cwd, architecture, hostname, user } = facts;
  return { environment, home, cwd, flags: {}, facts: { architecture, hostname, user: user.name } };
}

/**
 * Reads every file of the configuration and merges all sources.
 *
 * @throws {KapseliError} `badInput` with every problem of the files at once, or for one that cannot be read; `usage`
 * for an option's value.
 */
export async function readConfig(request: ConfigRequest, facts: HostFacts): Promise<LayeredConfig> {
  const { environment, cwd } = facts;
  const site =
    request.siteFile === undefined
      ? await readSiteFile(environment.CW_GLOBAL_YAML, cwd)
      : await readConfigFile(request.siteFile, `the site file ${request.siteFile}`, cwd);
  const user = request.user && {
    ...(await readConfigFile(request.user.path, `the configuration ${request.user.path}`, cwd)),
    strict: request.user.strict,
  };
  return resolveLayers({
    ...hostSources(facts),
    ...(site ? { site } : {}),
    ...(user ? { user } : {}),
    implied: request.implied ?? {},
    flags: request.flags ?? {},
  });
}
