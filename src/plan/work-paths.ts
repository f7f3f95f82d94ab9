import { join } from "node:path";

/** The paths in a work directory. */
export function workPaths(work: string) {
  return {
    work,
    /** Bound at the prefix's root while installing; becomes the image. */
    tree: join(work, "tree"),
    /** What an update changed over an overlay, as files and packed. */
    upper: join(work, "upper"),
    changes: join(work, "changes.sqfs"),
    /** What is added to an image of a directory that is packed where it is. */
    additions: join(work, "additions"),
    /** What a pre-install script made, while an engine wants an empty directory. */
    aside: join(work, "aside"),
    /** The host base's skeleton while building. */
    skeleton: join(work, "root"),
    /** What the engine reads. */
    inputs: join(work, "inputs"),
    requirements: join(work, "inputs", "requirements.txt"),
    /** What of a lock has no hashes. */
    unhashed: join(work, "inputs", "requirements-without-hashes.txt"),
    /** What uv installed, for finding hashes. */
    installed: join(work, "inputs", "installed.txt"),
    uvScript: join(work, "inputs", "uv-install.sh"),
    uvInstaller: join(work, "inputs", "uv_install.py"),
    pipSection: join(work, "inputs", "pip-section.txt"),
    rattlerRequest: join(work, "inputs", "rattler.json"),
    rattlerScript: join(work, "inputs", "rattler_install.py"),
    /** Packages whose post-link scripts have yet to run, written by the rattler script. */
    linkScripts: join(work, "inputs", "link-scripts"),
    linkScriptRunner: join(work, "inputs", "run-link-scripts.sh"),
    /** Python files that an update changed. */
    changed: join(work, "inputs", "changed-files"),
    compileScript: join(work, "inputs", "run_compileall.py"),
    /** Where that script looks for its module. */
    bytecodeModule: join(work, "inputs", "bytecode_cache.py"),
    /** What it compiled that the cache lacks. */
    bytecode: join(work, "bytecode"),
    pipReport: join(work, "pip-report.json"),
    sectionReport: join(work, "pip-report-section.json"),
    unhashedReport: join(work, "pip-report-without-hashes.json"),
    /** What activation changed. */
    activationScript: join(work, "activation", "capture.sh"),
    activationVariables: join(work, "activation", "variables.sh"),
    activation: (run: "plain" | "probed", moment: "before" | "after") =>
      join(work, "activation", `${run}-${moment}`),
    /** A prefix as it will be, for trying the launchers before they are published. */
    stage: join(work, "stage"),
    temporary: join(work, "tmp"),
  };
}
