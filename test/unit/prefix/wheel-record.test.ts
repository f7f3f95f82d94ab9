import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { recordedAnew } from "../../../src/prefix/wheel-record.ts";

const sha256 = createHash("sha256").update("new").digest();
const HASH = sha256.toString("base64url");
const commands = new Map([
  ["moo", { sha256, size: 3 }],
  ["m,é", { sha256, size: 3 }],
]);
const odd = Buffer.from("m,é", "utf8").toString("latin1");

it("a RECORD gets the hashes of commands that changed, whatever its line ends; other lines stay", () => {
  const lines = [
    "../../../bin/moo,sha256=old_-1,303",
    `"../../../bin/${odd}",sha256=old,303`,
    "../../../bin/other,sha256=old,303",
    "package/bin/moo,sha256=old,303",
    "package-1.dist-info/RECORD,,",
  ];
  const changed = [`../../../bin/moo,sha256=${HASH},3`, `"../../../bin/${odd}",sha256=${HASH},3`];
  for (const end of ["\n", "\r\n"]) {
    expect(recordedAnew(lines.join(end), commands)).toBe([...changed, ...lines.slice(2)].join(end));
  }
});

it("a RECORD without them is left alone", () => {
  expect(recordedAnew("package/module.py,sha256=x,1\n", commands)).toBeUndefined();
});
