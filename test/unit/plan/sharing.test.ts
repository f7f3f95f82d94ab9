import { expect, it } from "vitest";
import type { Plan } from "../../../src/plan/plan.ts";
import { type Builder, mayShare } from "../../../src/plan/sharing.ts";

const TRIAL = { way: { way: "image" } } as Plan["trial"];
const OPTIONS = { isolated: false } as Plan["options"];
const BUILDER: Builder = { wanted: true, uid: 1000, environment: { HOME: "/home/a", PATH: "/bin" } };
const FUSEMOUNT = { way: { way: "fusemount", squashfuse: "/x" } } as Plan["trial"];

it.each<[string, boolean, Partial<Plan["options"]>, Partial<Builder>, Plan["trial"]?]>([
  ["an ordinary environment", true, {}, {}],
  ["one of a site that does not want it", false, {}, { wanted: false }],
  ["root's", false, {}, { uid: 0 }],
  ["an isolated one", false, { isolated: true }, {}],
  ["one with an environ script", false, { environ: "x=1" }, {}],
  ["one that is mounted by --fusemount", false, {}, {}, FUSEMOUNT],
  ["one that is built without HOME", false, {}, { environment: { PATH: "/bin" } }],
])("tasks may share a container of %s: %s", (_, may, options, builder, trial = TRIAL) => {
  expect(mayShare({ trial, options: { ...OPTIONS, ...options } }, { ...BUILDER, ...builder })).toBe(may);
});
