import { join } from "node:path";

/** Names that Kapseli puts into a prefix; anything else there is the user's. */
export const OUR_NAMES = [
  "bin",
  "current",
  "generations",
  "img.sqfs",
  "container.sif",
  "share",
  // Of a directory that became a prefix where it was: what activation and editors look for.
  "pyvenv.cfg",
  "conda-meta",
  "lib",
] as const;

/** The paths of a prefix. `root` is the directory that the image covers (PREFIX, or PREFIX/env). */
export function prefixPaths(root: string) {
  return {
    root,
    bin: join(root, "bin"),
    current: join(root, "current"),
    generations: join(root, "generations"),
    share: join(root, "share"),
    /** An installation of another tool that was converted. */
    converted: join(root, "generations", "0"),
    imageLink: join(root, "img.sqfs"),
    containerLink: join(root, "container.sif"),
  };
}

/** The paths of one generation. */
export function generationPaths(root: string, generation: number) {
  const directory = join(root, "generations", String(generation));
  return {
    directory,
    launcher: join(directory, "launcher.sh"),
    image: join(directory, "env.sqfs"),
    /** What the prefix shows inside where the image is mounted elsewhere. */
    view: join(directory, "view"),
    environ: join(directory, "environ.bash"),
    /** A copy of the environment's interpreter, which covers the image's. */
    interpreter: join(directory, "interpreter"),
    /** With what the tasks of a Slurm job step share a container; only where that was proven. */
    warmStep: join(directory, "warm-step.sh"),
    share: join(directory, "share"),
    skeleton: join(directory, "root"),
    skeletonImage: join(directory, "root.sqfs"),
    base: join(directory, "base.sif"),
    manifest: join(directory, "manifest.json"),
    /** The same once more, for when that one is cut. */
    manifestCopy: join(directory, "share", "manifest.json"),
    lock: join(directory, "environment.lock"),
    inputs: join(directory, "inputs"),
    log: join(directory, "build.log"),
    /** Empty; its time is when this generation stopped being the current one. */
    replaced: join(directory, "replaced"),
  };
}
