import { describe, expect, it } from "vitest";
import { slimContainer } from "../../../src/config/slim-container.ts";

const DEFAULT = "docker://python:slim";

describe("the base of --slim", () => {
  it.each([
    [DEFAULT, undefined, DEFAULT],
    [DEFAULT, "3.11", "docker://python:3.11-slim"],
    [DEFAULT, "3.13.2-slim-bullseye", "docker://python:3.13.2-slim-bullseye"],
    ["docker://localhost:5000/python", "3", "docker://localhost:5000/python:3-slim"],
    ["docker://localhost:5000/mirror/python:slim", "3", "docker://localhost:5000/mirror/python:3-slim"],
    [`docker://r.org/python@sha256:${"a".repeat(64)}`, "3", "docker://r.org/python:3-slim"],
    ["/images/python.sif", undefined, "/images/python.sif"],
  ])("%s with --pyver %s is %s", (source, pyver, wanted) => {
    expect(slimContainer(source, pyver)).toBe(wanted);
  });

  it.each(["", "3 11", "3:11", "../x", "a/b"])("refuses the version %j", (pyver) => {
    expect(() => slimContainer(DEFAULT, pyver)).toThrow(expect.objectContaining({ code: 2 }));
  });

  it("refuses a version where the image can have none", () => {
    expect(() => slimContainer("/images/python.sif", "3.11")).toThrow(
      expect.objectContaining({ code: 3, message: expect.stringContaining("/images/python.sif") }),
    );
  });
});
