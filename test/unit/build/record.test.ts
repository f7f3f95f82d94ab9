import { describe, expect, it } from "vitest";
import { keptFiles } from "../../../src/build/record.ts";
import type { IncludedFile } from "../../../src/plan/request.ts";
import { inputOf } from "../../support/plan-inputs.ts";

const ENV = inputOf("conda", "/home/u/a/list.txt", "numpy\n");
const REQUIREMENTS = inputOf("pip", "/home/u/b/list.txt", "cowsay\n");
const file = (name: string, text = name): IncludedFile => ({ name, bytes: Buffer.from(text) });
const names = (...of: Parameters<typeof keptFiles>) => keptFiles(...of).map(({ name }) => name);

describe("the inputs that are kept", () => {
  it("are called as they were", () => {
    const input = { ...ENV, included: [file("more/constraints.txt")] };
    expect(names({ input, files: [file("setup.cfg")] })).toEqual([
      "list.txt",
      "more/constraints.txt",
      "setup.cfg",
    ]);
  });

  it("do not collide where several have one name", () => {
    const kept = keptFiles({
      input: ENV,
      requirements: { ...REQUIREMENTS, included: [file("list.txt", "third")] },
      files: [file("list.txt", "fourth")],
    });
    expect(kept.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([
      ["list.txt", "numpy\n"],
      ["requirements/list.txt", "cowsay\n"],
      ["requirements-2/list.txt", "third"],
      ["requirements-3/list.txt", "fourth"],
    ]);
  });

  it("are none where nothing was given", () => expect(names({})).toEqual([]));
});
