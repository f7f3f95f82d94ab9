/** The beginning of a SquashFS image that says how long it is. */
export const SUPERBLOCK_BYTES = 96;

/** "hsqs" as a little-endian number: SquashFS 4.0, `struct squashfs_super_block` (linux/fs/squashfs/squashfs_fs.h). */
const MAGIC = 0x73717368;
const BYTES_USED_AT = 40;

/**
 * How many bytes an image must have at least, by its own superblock; mksquashfs pads it to 4 KiB besides.
 *
 * @param head its first `SUPERBLOCK_BYTES`, or fewer of a shorter file
 * @returns undefined when it is no SquashFS image.
 */
export function imageBytes(head: Uint8Array): number | undefined {
  if (head.length < SUPERBLOCK_BYTES) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return view.getUint32(0, true) === MAGIC ? Number(view.getBigUint64(BYTES_USED_AT, true)) : undefined;
}
