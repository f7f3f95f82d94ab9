import { describe, expect, it } from "vitest";
import { ageText, counted, printable, sizeText, table } from "../../../src/report/table.ts";

describe("a table", () => {
  it("has aligned columns, with numbers at the right, and no blanks at the end of a line", () => {
    const rows = [
      ["a", "1 MB", "ok"],
      ["longer", "10 MB", ""],
    ];
    expect(table(rows, { heads: ["name", "size", "state"], right: [1] })).toBe(
      "name     size  state\na        1 MB  ok\nlonger  10 MB\n",
    );
  });

  it("of nothing is nothing", () => expect(table([])).toBe(""));

  it("lets no value move the cursor or pass for another line", () => {
    expect(table([["a\u001b[2Jb", "c\nd\u202e"]])).toBe("a\ufffd[2Jb  c\ufffdd\ufffd\n");
    expect(printable("é ✓")).toBe("é ✓");
  });
});

it.each([
  [0, "0 kB"],
  [1, "1 kB"],
  [999_400, "999 kB"],
  [999_600, "1 MB"],
  [108_000_000, "108 MB"],
  [1_240_000_000, "1.2 GB"],
  [52_000_000_000, "52 GB"],
  [3e15, "3000 TB"],
])("%d bytes are %s", (bytes, text) => expect(sizeText(bytes)).toBe(text));

it.each([
  [null, ""],
  ["not a time", ""],
  ["2026-06-15T00:00:00Z", "today"],
  ["2027-01-01T00:00:00Z", "today"],
  ["2026-06-14T11:00:00Z", "1 day"],
  ["2026-05-01T12:00:00Z", "45 days"],
  ["2025-12-15T12:00:00Z", "5 months"],
  ["2020-06-01T12:00:00Z", "6 years"],
])("what was made %s is %j old", (time, text) => {
  expect(ageText(time, new Date("2026-06-15T12:00:00Z"))).toBe(text);
});

it("counts", () => expect([counted(1, "file"), counted(0, "file")]).toEqual(["1 file", "0 files"]));
