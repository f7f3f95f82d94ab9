import { describe, expect, it } from "vitest";
import { KapseliError } from "../../../src/errors.ts";
import { errorLines, errorObject, errorText } from "../../../src/report/error-text.ts";

const FULL = new KapseliError(3, "expected a list", {
  where: "env.yml:3:1",
  others: ["env.yml:7: another"],
  lines: ["said one", "said two"],
  hint: "Correct it.",
  log: "/logs/x.log",
});

describe("an error's text", () => {
  it("is what failed, the lines that matter, what to do and where the log is", () => {
    expect(errorText(FULL, false)).toBe(`[ ERROR ] env.yml:3:1: expected a list
[ ERROR ] env.yml:7: another
          | said one
          | said two
          What to do: Correct it.
          Full log: /logs/x.log
`);
  });

  it("is one line where there is no more to say", () => {
    expect(errorText(new KapseliError(4, "no"), false)).toBe("[ ERROR ] no\n");
  });

  it("of something unexpected asks for a report", () => {
    expect(errorText(new TypeError("x is not a function"), false)).toBe(
      "[ ERROR ] x is not a function\n          This was not expected; run it again with --debug and report what it prints.\n",
    );
    expect(errorText("thrown text", false)).toContain("[ ERROR ] thrown text\n");
  });

  it("has a stack trace with --debug only", () => {
    expect(errorText(FULL, false)).not.toContain("error-text.test.ts");
    expect(errorText(FULL, true)).toMatch(/ {10}.*at .*error-text\.test\.ts/);
  });
});

describe("an error elsewhere", () => {
  it("in a pipe is the first line of every error, and the failed stage", () => {
    expect(errorLines(FULL)).toEqual([
      "[ ERROR ] env.yml:3:1: expected a list",
      "[ ERROR ] env.yml:7: another",
    ]);
    expect(errorLines(new KapseliError(5, "no\nbecause", { others: ["nor this\nbecause"] }))).toEqual([
      "[ ERROR ] no",
      "[ ERROR ] nor this",
      expect.stringMatching(/^\[ ERROR \] Installation failed; /),
    ]);
  });

  it("as JSON has all of it but the cause", () => {
    expect(JSON.parse(JSON.stringify(errorObject(FULL)))).toEqual({
      schema: "kapseli.error/1",
      event: "error",
      code: 3,
      message: "expected a list",
      where: "env.yml:3:1",
      hint: "Correct it.",
      lines: ["said one", "said two"],
      others: ["env.yml:7: another"],
      log: "/logs/x.log",
    });
    expect(errorObject(new Error("x"))).toMatchObject({ event: "error", code: 1, message: "x" });
    expect(errorObject(undefined)).toMatchObject({ code: 1, message: "undefined" });
  });

  it("keeps its code and details when more becomes known", () => {
    expect(FULL.with({ log: "/y" })).toMatchObject({ code: 3, details: { hint: "Correct it.", log: "/y" } });
  });
});
