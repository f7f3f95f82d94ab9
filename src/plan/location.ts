import type { Placement } from "../prefix/placement.ts";
import type { OverlayAccess } from "../tools/overlay.ts";
import { workPaths } from "./work-paths.ts";

/** Where the image is mounted inside, and what is in it. */
export interface Location {
  /** Where the image is mounted; while building, the work tree is bound there. */
  mount: string;
  /** The environment's directory: the mount, or below it. */
  environment: string;
  /**
   * The image is not mounted at the prefix: what the prefix shows inside is a bound directory of links, the view.
   * Without it the image covers the prefix.
   */
  view: boolean;
}

/** The path in a work tree of something below the mount. */
export function inTree(tree: string, location: Pick<Location, "mount">, path: string): string {
  return `${tree}${path.slice(location.mount.length)}`;
}

/** The parts of a plan that say where the environment's files are while building. */
export interface Building {
  location: Location;
  /** What will be packed, where that is not the work tree or known yet. */
  tree?: string;
  workDirectory: string;
  /** The work tree is an image below a writable layer, in mount namespaces of its own. */
  overlay?: OverlayAccess;
}

/** The tree that a build fills or changes, as a path outside of containers. */
export function workTree({ workDirectory, overlay }: Pick<Building, "workDirectory" | "overlay">): string {
  return `${overlay?.outside ?? ""}${workPaths(workDirectory).tree}`;
}

/** Whether what is packed is the work tree; else it is a directory that stays as it is, or nothing. */
export function packsWorkTree(building: Building): boolean {
  return building.tree === workTree(building);
}

/** The environment's directory in what will be packed, as a path outside; of no meaning without an image. */
export function environmentTree(building: Building): string {
  const { location, tree } = building;
  return inTree(tree ?? workTree(building), location, location.environment);
}

export interface Wished {
  placement: Placement;
  /** `installation_path` of the configuration; empty: the image covers the prefix. */
  installationPath: string;
  /** Seven letters and digits that make a neutral path unique; empty: it is taken as it is. */
  suffix: string;
  /** The directory that wrap-install packs, when it is to be covered by its own image. */
  masked?: string;
  /** The commands are found in a container; there may be no image. */
  view: boolean;
}

/** A mount path for images that are not tied to the place of their prefix. */
const NEUTRAL = "/KAPSELI";

/** Decides where a new environment's image goes. */
export function newLocation(wished: Wished): Location {
  const { placement, masked } = wished;
  if (masked !== undefined) return { mount: masked, environment: masked, view: placement.root !== masked };
  if (!wished.view && wished.installationPath === "") {
    return { mount: placement.root, environment: placement.root, view: false };
  }
  const path = wished.installationPath === "" ? NEUTRAL : wished.installationPath.replace(/\/+$/, "");
  const mount = wished.suffix === "" ? path : `${path}_${wished.suffix}`;
  return { mount, environment: mount, view: true };
}

/** Where an updated environment's image goes: a view stays where it was, anything else moves with its prefix. */
export function updatedLocation(before: Location, placement: Placement): Location {
  if (before.view) return before;
  const environment = `${placement.root}${before.environment.slice(before.mount.length)}`;
  return { mount: placement.root, environment, view: false };
}
