import type { LauncherData } from "../../src/prefix/launcher.ts";

/** The data of a launcher for an image over the host base that is mounted at `root`, but for `changes`. */
export function launcherData(root: string, changes: Partial<LauncherData> = {}): LauncherData {
  return {
    id: "id",
    generation: 1,
    root,
    layout: { kind: "image" },
    environmentRoot: "",
    runtimePath: "/usr/bin/apptainer",
    runtimeFlags: [],
    way: { way: "image" },
    base: "root",
    baseKind: "host",
    hiddenTopLevel: [],
    commands: [],
    redirects: {},
    byPath: false,
    environment: [],
    libraryPaths: { first: [], last: [] },
    extraVariables: [],
    environ: false,
    ...changes,
  };
}
