import { describe, expect, it } from "vitest";
import {
  environmentTree,
  inTree,
  newLocation,
  updatedLocation,
  type Wished,
} from "../../../src/plan/location.ts";
import type { Placement } from "../../../src/prefix/placement.ts";

const at = (root: string): Placement => ({
  prefix: root,
  root,
  holder: root,
  linkedBin: false,
  generation: 1,
  existing: false,
});
const wished = (over: Partial<Wished> = {}): Wished => ({
  placement: at("/home/u/env"),
  installationPath: "",
  suffix: "aB3dE6g",
  view: false,
  ...over,
});

describe("where a new environment's image goes", () => {
  it.each<[string, Partial<Wished>, string, boolean]>([
    ["over the prefix itself", {}, "/home/u/env", false],
    ["to a path of its own when it is to travel", { view: true }, "/KAPSELI_aB3dE6g", true],
    ["to installation_path, made unique", { installationPath: "/SITE" }, "/SITE_aB3dE6g", true],
    [
      "to installation_path as it is, without a suffix",
      { installationPath: "/SITE", suffix: "" },
      "/SITE",
      true,
    ],
    ["to installation_path without its last slashes", { installationPath: "/SITE//" }, "/SITE_aB3dE6g", true],
    ["over the directory that it masks", { masked: "/appl/soft" }, "/appl/soft", true],
    [
      "over a masked directory that is the prefix",
      { masked: "/appl/soft", placement: at("/appl/soft") },
      "/appl/soft",
      false,
    ],
    [
      "over a masked directory whatever installation_path says",
      { masked: "/appl/soft", installationPath: "/SITE", view: true },
      "/appl/soft",
      true,
    ],
  ])("%s", (_what, over, mount, view) => {
    expect(newLocation(wished(over))).toEqual({ mount, environment: mount, view });
  });
});

describe("where an updated environment's image goes", () => {
  it("with its prefix, where it covered that", () => {
    const before = { mount: "/old/place", environment: "/old/place", view: false };
    expect(updatedLocation(before, at("/new"))).toEqual({ mount: "/new", environment: "/new", view: false });
  });

  it("where it was, when it has a path of its own", () => {
    const before = { mount: "/SITE_x", environment: "/SITE_x/miniforge/envs/env1", view: true };
    expect(updatedLocation(before, at("/new"))).toEqual(before);
  });

  it("keeps the environment's directory below the mount", () => {
    const before = { mount: "/old", environment: "/old/env1", view: false };
    expect(updatedLocation(before, at("/new"))).toMatchObject({ mount: "/new", environment: "/new/env1" });
  });
});

it("a path below the mount is at the same place in the work tree", () => {
  expect(inTree("/w/tree", { mount: "/home/u/env" }, "/home/u/env/bin/python3")).toBe("/w/tree/bin/python3");
  expect(inTree("/w/tree", { mount: "/home/u/env" }, "/home/u/env")).toBe("/w/tree");
});

it("finds the environment in what will be packed, which is the work tree unless a plan names another", () => {
  const location = { mount: "/home/u/env", environment: "/home/u/env/envs/one", view: false };
  const workDirectory = "/w";
  expect(environmentTree({ location, workDirectory })).toBe("/w/tree/envs/one");
  expect(environmentTree({ location, workDirectory, tree: "/opt/there" })).toBe("/opt/there/envs/one");
});
