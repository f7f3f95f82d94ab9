import { join } from "node:path";
import { chmod, copyFile, cp, linkOrCopy, mkdir, symlink, writeFile } from "../host/files.ts";
import type { Plan } from "../plan/plan.ts";
import { workPaths } from "../plan/work-paths.ts";
import type { EnvironmentChange } from "../prefix/activation.ts";
import { type LauncherData, OWN_COMMANDS, renderLauncher, renderStub } from "../prefix/launcher.ts";
import { generationPaths } from "../prefix/layout.ts";

/** How a launcher refers to its base. */
function baseOf(plan: Plan): string {
  if (plan.base.kind === "image") return plan.base.shared ? plan.base.path : "base.sif";
  return plan.trial.skeleton === "image" ? "root.sqfs" : "root";
}

/**
 * Puts what a launch needs besides the image into the new generation: launcher.sh and the base; and makes a prefix
 * in the work directory (a stub under each name, and links to the generation) with which the launchers can be tried.
 */
export async function makeLaunchers(
  plan: Plan,
  launcher: Pick<LauncherData, "id" | "commands" | "hiddenTopLevel"> & {
    environment: readonly EnvironmentChange[];
  },
  cache: string,
): Promise<{ stub: string; stageBin: string }> {
  const { root, generation } = plan.placement;
  const paths = generationPaths(root, generation);
  const { stage, skeleton } = workPaths(plan.workDirectory);
  if (plan.base.kind === "host") {
    if (plan.trial.skeleton === "directory")
      await cp(skeleton, paths.skeleton, { recursive: true, verbatimSymlinks: true });
    else await copyFile(join(plan.workDirectory, "trial", "skeleton.sqfs"), paths.skeletonImage);
  } else if (!plan.base.shared) {
    // What the cache holds is never written to again and may share its inode; a user's own file may change.
    if (plan.base.path.startsWith(`${cache}/`)) await linkOrCopy(plan.base.path, paths.base);
    else await copyFile(plan.base.path, paths.base);
  }
  const text = renderLauncher({
    ...launcher,
    generation,
    root,
    layout: { kind: "image" },
    environmentRoot: `${root}/`,
    runtimePath: plan.runtime.path,
    runtimeFlags: plan.trial.flags,
    way: plan.trial.way,
    base: baseOf(plan),
    baseKind: plan.base.kind,
    redirects: {},
    libraryPaths: { first: [], last: [] },
    extraVariables: [],
    environ: false,
  });
  await writeFile(paths.launcher, text);

  const stageBin = join(stage, "bin");
  await mkdir(stageBin, { recursive: true });
  await symlink(join(root, "generations"), join(stage, "generations"));
  await symlink(join("generations", String(generation)), join(stage, "current"));
  const stub = join(stage, "stub");
  await writeFile(stub, renderStub(root));
  await chmod(stub, 0o777 & ~process.umask());
  for (const name of [...launcher.commands, ...OWN_COMMANDS]) await linkOrCopy(stub, join(stageBin, name));
  return { stub, stageBin };
}
