import type { FileSystem } from "../host/file-systems.ts";

/** Disks of the host itself that make thousands of files in a second. */
const LOCAL_DISKS: ReadonlySet<string> = new Set(["ext2", "ext3", "ext4", "xfs", "btrfs"]);

/** What is written and read again stays in memory meanwhile; beyond it the disk decides. */
const MAX_IMAGE_BYTES = 512 * 1024 ** 2;
/** Images are a third of what they hold, and at best an eighth (docs/performance.md); the build needs room besides. */
const ROOM = 8;
const INODES = 200_000;

/**
 * Whether an image is changed faster when it is unpacked than below an overlay. Unpacking makes each file; below the
 * overlay mksquashfs asks the FUSE process for each, which takes several times as long (docs/performance.md). On memory
 * and on file servers it is not so much the time that counts as what is written there. Pure.
 *
 * @param work the file system of the work directory
 * @param imageBytes of the image
 */
export function isFasterUnpacked(
  work: Pick<FileSystem, "type" | "freeBytes" | "freeInodes">,
  imageBytes: number,
): boolean {
  return (
    LOCAL_DISKS.has(work.type) &&
    imageBytes <= MAX_IMAGE_BYTES &&
    work.freeBytes >= ROOM * imageBytes &&
    (work.freeInodes ?? INODES) >= INODES
  );
}

/** An image is packed anew when more than this share of it is of no use any more, and more than some bytes. */
const MAX_UNUSED = 0.125;
const FEW_BYTES = 1024 ** 2;

/**
 * Whether an image that updates were joined to holds too much that nothing leads to. Pure.
 *
 * @param unused bytes of that
 * @param all bytes of the image
 */
export function isTooMuchUnused(unused: number, all: number): boolean {
  return unused > Math.max(FEW_BYTES, MAX_UNUSED * all);
}
