import type { HostFacts } from "../host/facts.ts";
import type { OverlayAccess } from "../tools/overlay.ts";
import { execArgv, type Mount, type Runtime } from "../tools/singularity.ts";
import type { Location } from "./location.ts";
import type { ResolvedBase, TrialResult } from "./plan.ts";
import { boundTopLevel, hiddenTopLevel, isVisible, skeletonLinks } from "./visibility.ts";
import { workPaths } from "./work-paths.ts";

/** What the build's containers are made from. */
export interface ContainerSetting {
  runtime: Runtime;
  trial: Pick<TrialResult, "flags" | "buildFlags">;
  base: ResolvedBase;
  location: Location;
  /** What is bound, writable, where the image will be; nothing where there will be none. */
  tree?: string;
  /** The namespaces that the work tree is in. */
  overlay?: OverlayAccess;
  workDirectory: string;
  facts: Pick<HostFacts, "topLevel" | "environment" | "cwd">;
  excluded: readonly string[];
  /** Host paths that must be the same inside, whatever the base (input files, caches). */
  needed: readonly string[];
}

/** Makes the argv that runs a program in one of the build's containers, in `cwd` where that is to be seen inside. */
export type Container = (argv: readonly [string, ...string[]], cwd?: string) => [string, ...string[]];

/** Makes the argv of a program in the build's container: the work tree is bound, writable, where the image will be. */
export function containerCommand(setting: ContainerSetting, over: "base" | "host"): Container {
  const { facts, location } = setting;
  const paths = workPaths(setting.workDirectory);
  // In its namespaces the work tree has its own path.
  const tree = setting.overlay ? paths.tree : setting.tree;
  const onHost = over === "host" || setting.base.kind === "host";
  const hidden = hiddenTopLevel(
    onHost ? { kind: "host", occupiedTopLevel: [] } : setting.base,
    setting.excluded,
  );
  const links = onHost ? skeletonLinks(facts.topLevel, hidden) : [];
  const { plain, odd } = boundTopLevel(facts.topLevel, hidden, links);
  const bound = [...plain, ...odd, ...links.map(([name]) => `/${name}`)];

  const own = (path: string): Mount => ({ source: path, destination: path });
  const extra = [...new Set(setting.needed)].filter((path) => !isVisible(path, bound, location.mount));
  const mounts: Mount[] = [
    ...odd.map(own),
    ...extra.map(own),
    own(setting.workDirectory),
    ...(tree === undefined ? [] : [{ source: tree, destination: location.mount }]),
  ];
  const home = facts.environment.HOME;
  return (argv, cwd) => {
    const inside = cwd !== undefined && isVisible(cwd, bound, location.mount) ? cwd : setting.workDirectory;
    const words = execArgv({
      runtime: setting.runtime,
      flags: [...setting.trial.flags, ...setting.trial.buildFlags],
      base: onHost ? paths.skeleton : setting.base.path,
      binds: plain,
      mounts,
      ...(home?.startsWith("/") && !home.includes(":") ? { home } : {}),
      pwd: inside,
      argv,
    });
    return setting.overlay ? [...setting.overlay.enter, ...words] : words;
  };
}
