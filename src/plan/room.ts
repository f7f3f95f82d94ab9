/** Where that goes which a program of the conda family says that it will download. */
export interface Room {
  /** Packages, unpacked. */
  packages: string;
  /** The environment. */
  tree: string;
  /** The image of a new environment. */
  image?: string;
}

/** As templates/rattler_room.py has them: below these nothing helps. */
const LEAST_GROWTH = 2;
const IMAGE_SHARE = 0.35;

/**
 * The least bytes that packages take where they go. Pure.
 *
 * @param bytes to download
 * @param linked whether the environment's files are those of the unpacked packages
 * @param image whether an image is made of them
 */
export function leastRoom(
  bytes: number,
  { linked, image }: { linked: boolean; image: boolean },
): Record<keyof Room, number> {
  const unpacked = LEAST_GROWTH * bytes;
  return { packages: unpacked, tree: linked ? 0 : unpacked, image: image ? IMAGE_SHARE * unpacked : 0 };
}
