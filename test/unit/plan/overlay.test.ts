/** A plan over an image that is opened as a tree in namespaces of its own. */
import { describe, expect, it } from "vitest";
import { environmentTree, packsWorkTree, workTree } from "../../../src/plan/location.ts";
import {
  commandsOf,
  FACTS,
  inputOf,
  NONE,
  planInputs,
  planOf,
  ROOT,
  SCRIPT,
  stepOf,
  updateRequest,
  WORK,
  wrapRequest,
} from "../../support/plan-inputs.ts";

const ENTER = ["/usr/bin/nsenter", "--target", "4711", "--mount", "--"] as const;
const overlay = { enter: ENTER, outside: "/proc/4711/root" };
const OUTSIDE = `/proc/4711/root${WORK}/tree`;
const hooks = { pre: [], post: [SCRIPT] };
const input = inputOf("pip", "/home/u/project/more.txt", "cowsay\n");
const files = [{ name: "setup.cfg", bytes: Buffer.from("x") }];

describe("an update over an overlay", () => {
  const plan = planOf({ request: updateRequest("conda", { input, hooks, files }), engine: NONE, overlay });
  const containers = commandsOf(plan).filter(({ output }) => output !== "mksquashfs");

  it("says that it opens the environment, where it would copy it", () => {
    expect(plan.steps[0]?.title).toBe(`Opening the environment in ${ROOT}`);
    const unpacked = planOf({ request: updateRequest("conda", { input }), engine: NONE });
    expect(unpacked.steps[0]?.title).toBe(`Copying the environment in ${ROOT}`);
  });

  it("enters the namespaces for every container, where the tree has its own path", () => {
    expect(containers.length).toBeGreaterThan(1);
    for (const { argv } of containers) {
      expect(argv.slice(0, ENTER.length)).toEqual(ENTER);
      expect(argv.join("\n")).toContain(`type=bind,"src=${WORK}/tree","dst=${ROOT}"`);
      expect(argv.join("\n")).not.toContain("/proc/4711");
    }
  });

  it("packs all of the tree where modes have to be opened in it", () => {
    const changesWith = (mksquashfsActions: boolean, environment: Record<string, string> = {}) => {
      const trial = { ...planInputs().trial, mksquashfsActions };
      const facts = { ...FACTS, environment: { ...FACTS.environment, ...environment } };
      const own = planOf({ request: updateRequest("conda", { input }), engine: NONE, overlay, trial, facts });
      return stepOf(own, "pack")?.changes;
    };
    expect(changesWith(true)).toBeDefined();
    expect(changesWith(false)).toBeUndefined();
    expect(changesWith(false, { CW_NO_FIX_PERM: "1" })).toBeDefined();
  });

  it("reads and writes the tree from outside by the path through its process", () => {
    expect(workTree(plan)).toBe(OUTSIDE);
    expect(environmentTree(plan)).toBe(OUTSIDE);
    expect(packsWorkTree(plan)).toBe(true);
    const pack = commandsOf(plan).find(({ output }) => output === "mksquashfs");
    expect(pack?.argv.slice(0, 2)).toEqual(["/usr/bin/mksquashfs", OUTSIDE]);
    const [program, source, image, ...words] = stepOf(plan, "pack")?.changes?.argv ?? [];
    expect([program, source, image]).toEqual([
      "/usr/bin/mksquashfs",
      `${WORK}/upper`,
      `${WORK}/changes.sqfs`,
    ]);
    expect(words).toEqual(pack?.argv.slice(3));
    const placed = plan.steps.find(({ id }) => id === "files");
    expect(placed?.files.map(({ path }) => path)).toEqual([`${OUTSIDE}/setup.cfg`]);
  });
});

it("a directory that is packed where it is, is no work tree", () => {
  expect(packsWorkTree(planOf({ request: wrapRequest(), engine: NONE }))).toBe(false);
  expect(packsWorkTree(planOf({ request: wrapRequest({ hooks }), engine: NONE }))).toBe(true);
});
