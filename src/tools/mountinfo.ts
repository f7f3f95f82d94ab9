/** One line of /proc/self/mountinfo (man 5 proc). */
export interface Mounted {
  /** `major:minor` of the file system. */
  device: string;
  /** What of the file system is mounted: a path in it. */
  root: string;
  /** Where. */
  path: string;
  /** As the kernel names it: `ext4`, `nfs4`, `lustre`, `tmpfs`, `fuse.sshfs` … */
  type: string;
  /** Of this mount: `ro`, `noexec`, `nosuid` … */
  options: readonly string[];
}

const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Reads a mountinfo; lines that are none are left out. */
export function parseMountinfo(text: string): Mounted[] {
  return text.split("\n").flatMap((line): Mounted[] => {
    const words = line.split(" ");
    const type = words[words.indexOf("-", 6) + 1];
    const [, , device, root, path, options] = words;
    if (!device || !root || !path || !options || !type) return [];
    return [{ device, root: unescaped(root), path: unescaped(path), type, options: options.split(",") }];
  });
}

/** Whether a path is a directory, or below it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

/** The mount that a physical path is in: of those at the same place the last one counts. */
export function mountOf(path: string, mounts: readonly Mounted[]): Mounted | undefined {
  let found: Mounted | undefined;
  for (const mount of mounts) {
    if (isWithin(path, mount.path) && mount.path.length >= (found?.path.length ?? 0)) found = mount;
  }
  return found;
}

/** Of several hosts, where many small files are slow. */
const REMOTE =
  /^(?:nfs4?|lustre|gpfs|beegfs|ceph|cifs|smb3|afs|panfs|pvfs2|orangefs|wekafs|glusterfs|fhgfs|fuse\.(?:sshfs|glusterfs|ceph.*|juicefs|s3fs|rclone|beegfs.*|moosefs|lizardfs))$/;

export const isRemote = (type: string): boolean => REMOTE.test(type);
/** In memory: what is there counts as memory, and is gone with the host. */
export const isMemory = (type: string): boolean => type === "tmpfs" || type === "ramfs";
