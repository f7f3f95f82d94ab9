import type { Plan } from "./plan.ts";

/** Who builds, and what is configured. */
export interface Builder {
  /** The configuration's `warm_in_slurm`. */
  wanted: boolean;
  /** The effective user's number. */
  uid: number | undefined;
  environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Whether the tasks of a Slurm job step may share a container of the environment that is planned (docs/warm.md), if it
 * proves to work. Launchers do it without the tool, hence in the plainest of cases alone.
 */
export function mayShare(
  { trial, options }: Pick<Plan, "trial" | "options">,
  { wanted, uid, environment }: Builder,
): boolean {
  return (
    wanted &&
    // Root's containers are joined by nobody, those of --fusemount have processes of their own.
    uid !== 0 &&
    trial.way.way !== "fusemount" &&
    // These do not see the directory for holders; an environ script runs at each start.
    !options.isolated &&
    options.environ === undefined &&
    environment.HOME?.startsWith("/") === true &&
    Boolean(environment.PATH)
  );
}
