/** Where an image that is changed is unpacked although it could be mounted, and where it is packed anew. */
import { expect, it } from "vitest";
import { isFasterUnpacked, isTooMuchUnused } from "../../../src/plan/unpacking.ts";

const MB = 1024 ** 2;
const DISK = { type: "ext4", freeBytes: 10_000 * MB, freeInodes: 1_000_000 };

it.each([
  ["a local disk with room", DISK, 200 * MB, true],
  ["one that does not count inodes", { ...DISK, type: "btrfs", freeInodes: undefined }, 200 * MB, true],
  ["the largest image", DISK, 512 * MB, true],
  ["a larger one", DISK, 512 * MB + 1, false],
  ["just enough room", { ...DISK, freeBytes: 1600 * MB }, 200 * MB, true],
  ["less", { ...DISK, freeBytes: 1600 * MB - 1 }, 200 * MB, false],
  ["too few inodes", { ...DISK, freeInodes: 199_999 }, 200 * MB, false],
  ["memory", { ...DISK, type: "tmpfs" }, 200 * MB, false],
  ["a parallel file system", { ...DISK, type: "lustre" }, 200 * MB, false],
  ["an unknown one", { ...DISK, type: "unknown" }, 200 * MB, false],
])("%s", (_, work, bytes, faster) => expect(isFasterUnpacked(work, bytes)).toBe(faster));

it.each([
  [0, 0, false],
  [MB, MB, false],
  [MB + 1, MB, true],
  [12 * MB, 100 * MB, false],
  [13 * MB, 100 * MB, true],
])("%d bytes of %d that nothing leads to are too many: %s", (unused, data, tooMany) =>
  expect(isTooMuchUnused(unused, data)).toBe(tooMany),
);
