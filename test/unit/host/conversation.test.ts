import { describe, expect, it } from "vitest";
import { MarkedLines } from "../../../src/host/conversation.ts";

function heard(pieces: readonly string[]): string[] {
  const all: string[] = [];
  const lines = new MarkedLines(
    "MARK",
    (line) => all.push(`line ${line}`),
    (answer) => all.push(`answer ${answer}`),
  );
  for (const piece of pieces) lines.push(piece);
  lines.end();
  return all;
}

const TEXT = "one\ntwo\x1eMARK ok\nthree\x1eMARK\x1eMARK done now\n\nend";
const MEANT = [
  "line one",
  "line two",
  "answer ok",
  "line three\x1eMARK",
  "answer done now",
  "line ",
  "line end",
];

describe("lines and answers in one stream", () => {
  it("an answer ends an unfinished line, and what only looks like one is text", () => {
    expect(heard([TEXT])).toEqual(MEANT);
  });

  it("it does not matter where the stream is cut", () => {
    expect(heard([...TEXT])).toEqual(MEANT);
    for (let at = 1; at < TEXT.length; at++)
      expect(heard([TEXT.slice(0, at), TEXT.slice(at)])).toEqual(MEANT);
  });
});
