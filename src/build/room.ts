import { dirname } from "node:path";
import { exists, stat, statfs } from "../host/files.ts";
import { leastRoom, type Room } from "../plan/room.ts";
import { noRoomError } from "../tools/rattler.ts";

/** A directory, or the nearest one above it that is there. */
async function nearest(directory: string): Promise<string> {
  let at = directory;
  while (at !== dirname(at) && !(await exists(at))) at = dirname(at);
  return at;
}

/**
 * Looks whether what a program is about to download fits, each file system once however many of the directories are on it.
 *
 * @param bytes to download
 * @throws {KapseliError} `installFailed` where it cannot.
 */
export async function refuseWithoutRoom(room: Room, bytes: number): Promise<void> {
  const [packages, tree, image] = await Promise.all(
    [room.packages, room.tree, room.image ?? room.tree].map(async (directory) => {
      const at = await nearest(directory);
      return { at, device: (await stat(at)).dev };
    }),
  );
  if (!packages || !tree || !image) throw new RangeError("three directories are looked at");
  const least = leastRoom(bytes, {
    linked: packages.device === tree.device,
    image: room.image !== undefined,
  });
  const needs = new Map<number, { at: string; bytes: number }>();
  for (const [{ at, device }, needed] of [
    [packages, least.packages],
    [tree, least.tree],
    [image, least.image],
  ] as const) {
    needs.set(device, { at, bytes: (needs.get(device)?.bytes ?? 0) + needed });
  }
  for (const { at, bytes: needed } of needs.values()) {
    const { bavail, bsize } = await statfs(at);
    if (bavail * bsize >= needed) continue;
    const [has, wants, download] = [bavail * bsize, needed, bytes].map(
      (one) => `${Math.round(one / 1e6)} MB`,
    );
    throw noRoomError(`the packages, ${download} to download, need at least ${wants}; ${at} has ${has} free`);
  }
}
