import { describe, expect, it } from "vitest";
import { ExitCode } from "../../../src/errors.ts";
import {
  explainHookEnd,
  type HookEnd,
  joinedScript,
  withShownNames,
} from "../../../src/tools/hook-failure.ts";

const SCRIPT = joinedScript("/w/hooks/post-1.sh", [{ shown: "post.sh", text: "one\ntwo\nthree\n" }]);
const note = (...words: (string | number)[]): string => words.map((word) => `${word}\0`).join("");
const error = (over: Partial<HookEnd>) =>
  explainHookEnd({
    phase: "post",
    script: SCRIPT,
    scripts: [SCRIPT],
    notes: "",
    exitCode: 1,
    lines: [],
    ...over,
  });

describe("why a hook did not come to its end", () => {
  it("a secret in the command or the output is not shown", () => {
    const notes = note("error", 1, 0, "curl https://u:secret@host", SCRIPT.path, 2, "");
    const { message, details } = error({ notes, lines: ["at https://u:secret@host"] });
    expect(message).toContain("failed at line 2: `curl https://***@host`");
    expect(details.lines).toEqual(["at https://***@host"]);
  });

  it("a command of several lines is shown by its first", () => {
    const notes = note("error", 2, 0, "for x in a\ndo false\ndone", SCRIPT.path, 3, "");
    expect(error({ notes }).message).toContain("`for x in a …` ended with status 2");
  });

  it("a subshell's failure that came to nothing before is not taken for the reason", () => {
    const notes =
      note("error", 1, 1, "false", SCRIPT.path, 1, "") + note("error", 4, 0, "make", SCRIPT.path, 3, "");
    expect(error({ notes }).message).toContain("at line 3: `make` ended with status 4");
  });

  it("the first failure of the shell is the reason, not those of the commands around it", () => {
    const notes =
      note("error", 1, 0, "inner", "lib.sh", 9, SCRIPT.path, 2, "") +
      note("error", 1, 0, ". lib.sh", SCRIPT.path, 2, "");
    expect(error({ notes }).message).toContain("failed at line 2, in lib.sh:9: `inner`");
  });

  it("notes that were cut off by a full disk still give an error", () => {
    for (const notes of [
      "error",
      note("error", 1),
      `${note("error", 1, 0, "x", SCRIPT.path)}2`,
      "garbage\0a\0b\0c\0d\0",
    ]) {
      expect(error({ notes }).code).toBe(ExitCode.installFailed);
    }
  });

  it("memory is thought of where the shell was killed", () => {
    const { message, details } = error({ exitCode: 137 });
    expect(message).toContain("was killed (SIGKILL)");
    expect(details.hint).toContain("memory");
  });

  it("a line of several that are one text is named by its own place", () => {
    const place = (line: number) => ({ file: "site.yaml", line });
    const script = joinedScript("/w/hooks/post-1.sh", [
      { shown: "post_install[0]", place: place(4), text: "if true; then" },
      { shown: "post_install[1]", place: place(6), text: "echo\nfalse\n" },
      { shown: "post_install[2]", place: place(9), text: "fi" },
    ]);
    expect(script.text).toBe("if true; then\necho\nfalse\nfi\n");
    const notes = note("error", 1, 0, "false", script.path, 3, "");
    const { message, details } = error({ script, scripts: [script], notes });
    expect(message).toBe(
      "the post-install script post_install[1] failed at line 2: `false` ended with status 1",
    );
    expect(details.where).toBe("site.yaml:7");
    expect(withShownNames(`x ${script.path}: line 4: oops`, [script])).toBe(
      "x post_install[2]: line 1: oops",
    );
    expect(withShownNames(`source ${script.path}`, [script])).toBe("source post_install[0]");
  });
});
