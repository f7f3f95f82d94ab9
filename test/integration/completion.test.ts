import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isThere, newSite, type Site, TAB_SHELLS, type } from "../support/activation.ts";

/** With options that break careless code, where there are two of a shell. */
const SHELLS = TAB_SHELLS.filter(({ shell }) => shell === "fish" || shell.endsWith("with unusual options"));

let site: Site;
beforeAll(() => {
  site = newSite();
  for (const name of ["kapseli", "conda-containerize"]) {
    const program = join(site.root, "bin", name);
    writeFileSync(program, `#!/bin/sh\nprintf '<<%s' "\${0##*/}"\nprintf ' %s' "$@"\nprintf '>>\\n'\n`);
    chmodSync(program, 0o755);
  }
  mkdirSync(join(site.home, "work", "unusual env"), { recursive: true });
  writeFileSync(join(site.home, "work", "unusual file.yml"), "");
});
afterAll(() => site.remove());

describe.each(SHELLS)("TAB after a tool's name in $shell", ({ argv, before }) => {
  describe.skipIf(!isThere(argv[0] ?? "") || !isThere("python3"))("completes", () => {
    /** Types a line (with TABs); the words that the program was called with. */
    function called(line: string): string | undefined {
      const steps: [string, string][] = [
        ["", `${before}\n`],
        ["READY ", `${line}\n`],
        [">>", "exit\n"],
      ];
      const call = { cwd: join(site.home, "work"), env: { ROOT: site.root, TERM: "xterm" } };
      const { stdout } = type(site, argv, steps, call);
      return /<<([^>]*)>>/.exec(stdout)?.[1]?.replaceAll("\r", "") ?? stdout;
    }

    it.each([
      ["a sub-command and an option", "kapseli li\t--dep\t5", "kapseli list --depth 5"],
      ["a sub-command of one", "kapseli conf\tsch\t", "kapseli config schema"],
      ["a directory", "kapseli info unus\t", "kapseli info unusual env/"],
      [
        "an option's fixed values",
        "conda-containerize new --compress sm\t",
        "conda-containerize new --compress small",
      ],
      [
        "an operand's fixed values, more than once",
        "kapseli clean wo\tpro\t",
        "kapseli clean work processes",
      ],
      [
        "a file, after an option with a value",
        "conda-containerize new --prefix x 'unusual f\t",
        "conda-containerize new --prefix x unusual file.yml",
      ],
    ])("%s", (_what, line, words) => {
      expect(called(line)?.replace(/\/?$/, "")).toBe(words.replace(/\/?$/, ""));
    });
  });
});
