import { expect, it } from "vitest";
import { parseEnvironmentName } from "../../../src/prefix/environment-name.ts";

it.each([
  ["./env", "./env", "current"],
  ["./env@2", "./env", 2],
  ["env@previous", "env", "previous"],
  ["env@current", "env", "current"],
  ["a@b/env@12", "a@b/env", 12],
  ["a\nb@1", "a\nb", 1],
  // Not a generation's name: a part of the path.
  ["me@host", "me@host", "current"],
  ["env@0", "env@0", "current"],
  ["env@02", "env@02", "current"],
  ["env@1/", "env@1/", "current"],
  ["@1", "@1", "current"],
])("%j names %j, generation %s", (text, directory, generation) => {
  expect(parseEnvironmentName(text)).toEqual({ directory, generation });
});
