import { describe, expect, it } from "vitest";
import { MANIFEST_SCHEMA, Manifest } from "../../../src/prefix/manifest.ts";
import { manifestFor } from "../../support/manifest.ts";

const GOOD = manifestFor("/p", {
  seconds: { install: 1.5 },
  inputs: [{ name: "env.yml", sha256: "00" }],
  config: { container_src: { value: "host", origin: { from: "default" } } },
  packages: [{ name: "numpy", version: "2.0", source: "conda" }],
  commands: ["python3"],
  environment: [
    { name: "A", change: "set", value: "1" },
    { name: "B", change: "unset" },
  ],
});

describe("a generation's manifest", () => {
  it("is read back as it was written", () => {
    expect(Manifest.parse(JSON.parse(JSON.stringify(GOOD)))).toEqual(GOOD);
  });

  it("may say more than this version knows", () => {
    expect(Manifest.safeParse({ ...GOOD, later: 1 }).success).toBe(true);
  });

  it.each<[string, object]>([
    ["of another schema", { schema: MANIFEST_SCHEMA + 1 }],
    ["without a root", { root: undefined }],
    ["with generation 0", { generation: 0 }],
    ["with a change that does not exist", { environment: [{ name: "A", change: "shout", value: "x" }] }],
    ["with a change without its value", { environment: [{ name: "A", change: "set" }] }],
  ])("%s is not taken for one", (_what, change) => {
    expect(Manifest.safeParse({ ...GOOD, ...change }).success).toBe(false);
  });
});
