import { expect, it } from "vitest";
import { joinWords, splitWords } from "../../../src/config/words.ts";

it.each([
  ["-noappend", ["-noappend"]],
  ["  -comp zstd\t-Xcompression-level 3 ", ["-comp", "zstd", "-Xcompression-level", "3"]],
  ["-p 'a b' \"c 'd'\"", ["-p", "a b", "c 'd'"]],
  ["a'b c'd ''", ["ab cd", ""]],
  ["$HOME `id` $(id) a\\ b", ["$HOME", "`id`", "$(id)", "a\\", "b"]],
  ["", []],
])("%j is the words %j", (text, words) => expect(splitWords(text)).toEqual(words));

it.each(["'a", 'a "b', "a'"])("%j has a quote that is not closed", (text) => {
  expect(splitWords(text)).toBeUndefined();
});

it.each([[["a", "b c", ""]], [["it's", '"', `'"'`]], [[]]])("%j comes back from one text", (words) => {
  expect(splitWords(joinWords(words))).toEqual(words);
});
