import { expect, it } from "vitest";
import { overlayAccess, overlayArgv } from "../../../src/tools/overlay.ts";

const programs = {
  unshare: "/usr/bin/unshare",
  nsenter: "/usr/bin/nsenter",
  squashfuseLl: "/s/squashfuse_ll",
};
const SCRIPT = ["/bin/sh", "/w/overlay.sh", "/p/env.sqfs", "/s/squashfuse_ll", "", "", "mark"];
const argv = (isRoot: boolean) => overlayArgv(programs, isRoot, "/w/overlay.sh", "/p/env.sqfs", "mark");

it("an ordinary user needs a user namespace, in which they stay who they are", () => {
  const own = ["--map-current-user", "--keep-caps", "--mount", "--pid", "--fork", "--kill-child"];
  expect(argv(false)).toEqual(["/usr/bin/unshare", ...own, ...SCRIPT]);
  expect(overlayAccess(programs, false, 4711)).toEqual({
    enter: ["/usr/bin/nsenter", "--target", "4711", "--mount", "--user", "--preserve-credentials", "--"],
    outside: "/proc/4711/root",
  });
});

it("root needs none", () => {
  expect(argv(true)).toEqual(["/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child", ...SCRIPT]);
  expect(overlayAccess(programs, true, 4711).enter).not.toContain("--user");
});
