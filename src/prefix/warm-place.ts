import { isAbsolute, join } from "node:path";

type Variables = Readonly<Record<string, string | undefined>>;

/** Where the holders of a node are, which no variable tells the programs. */
export interface NodePlace {
  /** The directory for them. */
  directory: string;
  /** What is made for it besides, outermost first; removed when empty. */
  parents: readonly string[];
}

/**
 * The job and job step that a process belongs to, as a directory's name: a holder that ends with its step must not be
 * another step's. What runs outside of srun lives as long as the job.
 */
function jobName(variables: Variables): string {
  // A batch script and an interactive allocation are steps, too, with numbers above every srun's (slurm.h,
  // SLURM_MAX_NORMAL_STEP_ID).
  const step = variables.SLURM_STEP_ID;
  const ordinary = step !== undefined && /^\d+$/.test(step) && Number(step) < 0xfffffff0;
  return `${variables.SLURM_JOB_ID || "login"}.${ordinary ? step : "batch"}`;
}

/**
 * Where the holders of `kapseli warm --node` are: in the user's runtime directory, in a job also below the home
 * directory, by boot. The same places in the same order as in src/templates/warm.sh.
 *
 * @param boot /proc/sys/kernel/random/boot_id
 * @param hasRuntimeDirectory whether XDG_RUNTIME_DIR is there and this user's
 * @returns undefined where there is none.
 */
export function nodePlace(
  variables: Variables,
  boot: string,
  hasRuntimeDirectory: boolean,
): NodePlace | undefined {
  const job = jobName(variables);
  if (job.includes("/")) return undefined;
  const runtime = variables.XDG_RUNTIME_DIR;
  if (runtime && isAbsolute(runtime) && hasRuntimeDirectory) {
    const parents = [join(runtime, "kapseli-warm")];
    return { directory: join(runtime, "kapseli-warm", job), parents };
  }
  const { HOME, XDG_STATE_HOME } = variables;
  if (!variables.SLURM_JOB_ID) return undefined;
  const state = XDG_STATE_HOME?.startsWith("/") ? XDG_STATE_HOME : HOME && join(HOME, ".local", "state");
  if (!state) return undefined;
  const warm = join(state, "kapseli", "warm");
  return { directory: join(warm, boot, job), parents: [warm, join(warm, boot)] };
}

/**
 * Directories in which a private one can be made for a holder that a variable tells of: local memory first.
 */
export function temporaryPlaces(variables: Variables): string[] {
  return [variables.XDG_RUNTIME_DIR, variables.TMPDIR, "/tmp"].filter(
    (path): path is string => path !== undefined && isAbsolute(path) && !/[\n:]/.test(path),
  );
}
