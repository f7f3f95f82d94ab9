import { describe, expect, it } from "vitest";
import { leastRoom } from "../../../src/plan/room.ts";

describe("the least room of packages", () => {
  it.each([
    ["linked, for an image", { linked: true, image: true }, { packages: 200, tree: 0, image: 70 }],
    ["on two file systems", { linked: false, image: true }, { packages: 200, tree: 200, image: 70 }],
    ["into an environment", { linked: true, image: false }, { packages: 200, tree: 0, image: 0 }],
  ])("%s", (_what, how, least) => expect(leastRoom(100, how)).toEqual(least));
});
