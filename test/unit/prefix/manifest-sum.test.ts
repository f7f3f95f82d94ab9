import { describe, expect, it } from "vitest";
import { isAsWritten, Manifest, manifestText } from "../../../src/prefix/manifest.ts";
import { manifestFor } from "../../support/manifest.ts";

describe("the text of a manifest", () => {
  const text = manifestText(manifestFor("/prefix"));

  it("is the manifest, and its sum last", () => {
    const { sum, ...fields } = JSON.parse(text);
    expect(sum).toMatch(/^[0-9a-f]{64}$/);
    expect(Manifest.parse(fields)).toEqual(manifestFor("/prefix"));
    expect(text.endsWith('"\n}\n')).toBe(true);
  });

  it("is known as it was written, and with any byte changed as not", () => {
    expect(isAsWritten(text)).toBe(true);
    const name = text.lastIndexOf('"sum"');
    for (let at = 0; at < text.length; at += 7) {
      // Without its name there is no sum, and everything else is as it was.
      if (at >= name && at < name + 5) continue;
      const changed = text[at] === "x" ? "y" : "x";
      expect(isAsWritten(text.slice(0, at) + changed + text.slice(at + 1)), `at ${at}`).toBe(false);
    }
    expect(isAsWritten(text.slice(0, -3))).toBe(false);
  });

  it("of an earlier version has no sum, and is believed", () => {
    expect(isAsWritten(`${JSON.stringify(manifestFor("/prefix"), null, 2)}\n`)).toBe(true);
  });
});
