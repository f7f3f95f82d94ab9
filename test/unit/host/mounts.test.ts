import { describe, expect, it } from "vitest";
import { fileSystemGate, isWithin, type Mounted, mountOf, parseMounts } from "../../../src/host/mounts.ts";

const TEXT = `21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
22 21 0:20 / /proc rw - proc proc rw
30 21 0:40 /export /home/a\\040b rw,relatime shared:5 master:2 - nfs4 server:/x rw
31 21 0:41 / /home rw - autofs auto rw
nonsense
`;
const mounts = parseMounts(TEXT);

describe("mounts", () => {
  it("are read with blanks in their names and any number of optional fields", () => {
    expect(mounts).toEqual([
      { device: "254:0", root: "/", path: "/", type: "ext4" },
      { device: "0:20", root: "/", path: "/proc", type: "proc" },
      { device: "0:40", root: "/export", path: "/home/a b", type: "nfs4" },
      { device: "0:41", root: "/", path: "/home", type: "autofs" },
    ]);
  });

  it.each([
    ["/", "/"],
    ["/usr/bin", "/"],
    ["/proc", "/proc"],
    ["/process", "/"],
    ["/home/a b/x", "/home/a b"],
    ["/home/a", "/home"],
  ])("%s is in that of %s", (path, mount) => expect(mountOf(path, mounts)?.path).toBe(mount));

  it("at one place: the last one counts", () => {
    const twice: Mounted[] = [...mounts, { device: "0:9", root: "/", path: "/proc", type: "tmpfs" }];
    expect(mountOf("/proc/1", twice)?.type).toBe("tmpfs");
  });
});

it("a directory is within itself and within those above it", () => {
  expect([isWithin("/a", "/a"), isWithin("/a/b", "/a"), isWithin("/ab", "/a"), isWithin("/a", "/")]).toEqual([
    true,
    true,
    false,
    true,
  ]);
});

describe("what is looked into", () => {
  const mount = (path: string, type: string): Mounted => ({ device: path, root: "/", path, type });
  const there = [mount("/", "ext4"), mount("/p", "proc"), mount("/nfs", "nfs4"), mount("/auto", "autofs")];

  it("is not what is no place for files, nor what does not answer; each file system is asked once", async () => {
    const asked: string[] = [];
    const gate = fileSystemGate([...there, mount("/dead", "fuse.sshfs")], async (place) => {
      asked.push(place);
      return place !== "/dead" && place !== "/auto/gone";
    });
    const shut: Record<string, unknown> = {};
    for (const path of [
      "/home",
      "/p/1",
      "/nfs/a",
      "/nfs/b",
      "/dead/a",
      "/dead/b",
      "/auto/here",
      "/auto/gone",
    ]) {
      shut[path] = await gate(path);
    }
    expect(shut).toEqual({
      "/home": undefined,
      "/p/1": "pseudo",
      "/nfs/a": undefined,
      "/nfs/b": undefined,
      "/dead/a": "silent",
      "/dead/b": "silent",
      "/auto/here": undefined,
      "/auto/gone": "silent",
    });
    expect(asked).toEqual(["/nfs", "/dead", "/auto/here", "/auto/gone"]);
  });

  it("is tried with a process that looks at it", async () => {
    expect(await fileSystemGate([mount("/", "nfs4")])("/tmp")).toBeUndefined();
  });
});
