/** The steps of a plan that makes a new conda environment. */
export const CONDA_STEPS = [
  "install",
  "compile",
  "activation",
  "commands",
  "pack",
  "launchers",
  "check",
  "publish",
];

/** The same as a build tells of them, with what comes before the plan. */
export const TOLD_STEPS = ["preflight", ...CONDA_STEPS];
