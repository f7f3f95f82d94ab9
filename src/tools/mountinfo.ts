/** One mount of /proc/self/mountinfo (man 5 proc). */
export interface MountEntry {
  mountPoint: string;
  /** As the kernel names it: `ext4`, `nfs4`, `lustre`, `tmpfs`, `fuse.sshfs` … */
  type: string;
  /** Of this mount: `ro`, `noexec`, `nosuid` … */
  options: readonly string[];
}

const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Reads /proc/self/mountinfo; lines that are none are left out. */
export function parseMountinfo(text: string): MountEntry[] {
  return text.split("\n").flatMap((line): MountEntry[] => {
    const [before, after] = line.split(" - ");
    const fields = before?.split(" ") ?? [];
    const [mountPoint, options] = [fields[4], fields[5]];
    const type = after?.split(" ")[0];
    if (mountPoint === undefined || options === undefined || !type) return [];
    return [{ mountPoint: unescaped(mountPoint), type, options: options.split(",") }];
  });
}

/** The mount that a physical path is on: the longest mount point above it, of equal ones the last. */
export function mountOf(mounts: readonly MountEntry[], path: string): MountEntry | undefined {
  let found: MountEntry | undefined;
  for (const mount of mounts) {
    const { mountPoint } = mount;
    const holds = mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (holds && mountPoint.length >= (found?.mountPoint.length ?? 0)) found = mount;
  }
  return found;
}

/** Of several hosts, where many small files are slow. */
const REMOTE =
  /^(?:nfs4?|lustre|gpfs|beegfs|ceph|cifs|smb3|afs|panfs|pvfs2|orangefs|wekafs|glusterfs|fhgfs|fuse\.(?:sshfs|glusterfs|ceph.*|juicefs|s3fs|rclone|beegfs.*|moosefs|lizardfs))$/;

export const isRemote = (type: string): boolean => REMOTE.test(type);
/** In memory: what is there counts as memory, and is gone with the host. */
export const isMemory = (type: string): boolean => type === "tmpfs" || type === "ramfs";
