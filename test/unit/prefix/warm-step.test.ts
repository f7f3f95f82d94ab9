import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readShellAssignment } from "../../../src/prefix/shell-data.ts";
import { renderWarmStep } from "../../../src/prefix/warm-step.ts";

const TEMPLATE = fileURLToPath(new URL("../../../src/templates/warm-step.sh", import.meta.url));
const SHELLS = [["dash"], ["bash"], ["busybox", "sh"], ["ksh"], ["mksh"]].filter(
  ([file = ""]) => spawnSync("sh", ["-c", `command -v ${file}`]).status === 0,
);

/** Runs lines with the template's functions. */
function ran(shell: readonly string[], lines: string, args: readonly string[] = []) {
  const [file = "", ...words] = shell;
  const found = spawnSync(file, [...words, "-c", `. "$0"\n${lines}`, TEMPLATE, ...args], {
    encoding: "utf8",
    // On a socket bash reads .bashrc.
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH },
  });
  expect(found.stderr).toBe("");
  return found.stdout;
}

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))("in %s", (_name, shell) => {
  it("the number of tasks on a node is read from Slurm's list, and from nothing else", () => {
    const cases: [list: string, node: string, tasks: string][] = [
      ["32", "0", "32"],
      ["1", "0", "1"],
      ["32(x4),8", "0", "32"],
      ["32(x4),8", "3", "32"],
      ["32(x4),8", "4", "8"],
      ["2,1(x10),128(x2)", "1", "1"],
      ["2,1(x10),128(x2)", "10", "1"],
      ["2,1(x10),128(x2)", "12", "128"],
      // A node that the list has not, and what is no list.
      ["32", "1", "-"],
      ["32(x4),8", "5", "-"],
      ["32", "", "-"],
      ["32", "-1", "-"],
      ["32", "x", "-"],
      ["", "0", "-"],
      ["(x2)", "0", "-"],
      ["2(x)", "0", "-"],
      ["2(x0)", "0", "-"],
      ["08", "0", "-"],
      ["2(3)", "0", "-"],
      ["two", "0", "-"],
      ["$(id)", "0", "-"],
      ["*", "0", "-"],
      ["99999999999999999999", "0", "-"],
    ];
    const lines =
      'while [ $# -gt 0 ]; do if __k_tasks_on_node "$1" "$2"; then echo "$__k_tasks"; else echo -; fi; shift 2; done';
    const answers = ran(
      shell,
      lines,
      cases.flatMap((one) => one.slice(0, 2)),
    );
    expect(answers.trim().split("\n")).toEqual(cases.map(([, , tasks]) => tasks));
  });

  it("outside of a job step no step is found", () => {
    expect(ran(shell, 'if __k_find_step; then echo "$__k_place"; else echo none; fi')).toBe("none\n");
  });
});

it("what a launcher sources has the runtime's version and both texts, quoted", () => {
  const text = renderWarmStep("it's $(id) 1.4.5");
  expect(readShellAssignment(text, "__k_runtime_version")).toBe("it's $(id) 1.4.5");
  expect(readShellAssignment(text, "__k_hold_text")).toContain("# The main process of a container");
  expect(readShellAssignment(text, "__k_start_holder")).toContain("# Starts a container that the tasks");
  const checked = spawnSync("sh", ["-n"], { input: text, encoding: "utf8" });
  expect(checked).toMatchObject({ status: 0, stderr: "" });
});
