/** The steps of a build, in the order in which a plan may hold them. */
export const STEP_IDS = [
  "preflight",
  "base",
  "unpack",
  "files",
  "copy",
  "pre-install",
  "install",
  "requirements",
  "post-install",
  "compile",
  "activation",
  "commands",
  "pack",
  "launchers",
  "check",
  "publish",
] as const;

export type StepId = (typeof STEP_IDS)[number];

/** What a build says while it runs. Renderers draw these; `--json` prints them, one object a line. */
export type BuildEvent =
  | { event: "milestone"; message: string }
  | { event: "warning"; message: string; hint?: string }
  | { event: "debug"; message: string }
  | { event: "step-started"; step: StepId; title: string; index: number; of: number }
  /** `fraction` is between 0 and 1 and only there where an outside program tells it. */
  | { event: "step-progress"; step: StepId; fraction?: number; detail?: string }
  | { event: "step-finished"; step: StepId; seconds: number; detail?: string }
  /** A command is about to run; secrets are already replaced. */
  | { event: "command"; argv: readonly string[] }
  /** One line that an outside program printed; secrets are already replaced. */
  | { event: "output"; line: string };

export type Report = (event: BuildEvent) => void;

/** Sends every event to each of the given reports, in order. */
export function reportToAll(reports: readonly Report[]): Report {
  return (event) => {
    for (const report of reports) report(event);
  };
}
