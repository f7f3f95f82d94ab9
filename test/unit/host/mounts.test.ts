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
  const gate = fileSystemGate([
    { device: "1", root: "/", path: "/", type: "ext4" },
    { device: "2", root: "/", path: "/p", type: "proc" },
    { device: "3", root: "/", path: "/tmp", type: "nfs4" },
  ]);

  it("is not what is no place for files; a server is asked once", async () => {
    expect(await gate("/home")).toBeUndefined();
    expect(await gate("/p/1")).toBe("pseudo");
    expect(await gate("/tmp/x")).toBeUndefined();
  });
});
