import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { planJson, planText } from "../../../src/report/plan-text.ts";
import { commandsOf, condaRequest, planOf, RATTLER, ROOT } from "../../support/plan-inputs.ts";

const ODD = planOf({ request: condaRequest("dependencies: [a]\n", "/home/u/my $(touch pwned) dir/env.yml") });

describe("a plan for people", () => {
  it("says what was decided and every step", () => {
    const text = planText(ODD);
    for (const line of [
      `prefix        ${ROOT}`,
      "generation    1",
      "base          host",
      "engine        micromamba (asked for)",
      "1. Installing packages with micromamba",
      "   write /tmp/cw-ABC123/inputs/environment.yml",
      `8. Installing to ${ROOT}`,
    ]) {
      expect(text.split("\n")).toContain(line);
    }
    expect(text).not.toContain("bin is linked");
  });

  it("says that bin is linked where it is", () => {
    const placement = {
      prefix: "/p",
      holder: "/p",
      root: "/p/env",
      linkedBin: true,
      generation: 2,
      existing: true,
    };
    expect(planText(planOf({ placement }))).toContain("/p/env (the prefix holds other files; bin is linked)");
  });

  it("has commands that a shell takes for the same words", () => {
    const words = commandsOf(ODD)[0]?.argv ?? [];
    const line = planText(ODD)
      .split("\n")
      .find((text) => text.startsWith("     /usr/bin/apptainer"));
    const read = spawnSync("sh", ["-c", `set -- ${line}; printf '%s\\0' "$@"`], { encoding: "utf8" });
    expect(read.stdout.split("\0").slice(0, -1)).toEqual([...words]);
  });
});

describe("a plan as JSON", () => {
  it("is one line with every command and the text of every file", () => {
    const text = planJson(ODD);
    expect(text).not.toContain("\n");
    const { event, plan } = JSON.parse(text);
    expect(event).toBe("plan");
    expect(plan.steps[0].files[0]).toEqual({
      path: "/tmp/cw-ABC123/inputs/environment.yml",
      content: "dependencies: [a]\n",
    });
    expect(plan.steps[0].commands[0].argv).toEqual(commandsOf(ODD)[0]?.argv);
  });

  it.each([
    ["planJson", planJson],
    ["planText", planText],
  ])("%s shows no secret", (_name, show) => {
    const request = condaRequest("channels: ['https://me:pw123@host/c']\ndependencies: [a]\n");
    expect(show(planOf({ request, engine: RATTLER }))).not.toContain("pw123");
  });
});
