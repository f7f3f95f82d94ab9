import { expect, it } from "vitest";
import { shapeOf } from "../../../src/config/file-shape.ts";

it.each([
  ["defaults:\n  mode: conda\n", "site"],
  ["x: &x [/a]\nforce: {mount_points: *x}\n", "site"],
  ["mode: conda\nprepends: {}\n", "site"],
  ["default: {isolate: yes}\n", "site"],
  ["", "site"],
  ["- a\n", "site"],
  ["[1,2", "site"],
  ["mode: conda\nenv_file: env.yml\n", "advanced"],
  ["wrapper_paths: [bin]\n", "yaml-option"],
  ["nobodys_key: 1\n", "yaml-option"],
] as const)("%j is read as %s", (text, shape) => expect(shapeOf(text, false)).toBe(shape));

it.each([
  ["defaults:\n  mode: conda\n", "yaml-option"],
  ["", "yaml-option"],
  ["mode: conda\ndefaults: {}\n", "advanced"],
] as const)("%j is read as %s where it is known to be a user's", (text, shape) => {
  expect(shapeOf(text, true)).toBe(shape);
});
