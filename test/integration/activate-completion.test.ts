import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { environment, isThere, newSite, type Site, TAB_SHELLS, type } from "../support/activation.ts";

let site: Site;
beforeAll(() => {
  site = newSite();
  for (const name of ["my env", "unique", "it's", "$(touch pwned)x"])
    environment(join(site.environments, name));
  environment(join(site.home, "work", "nearby env"));
  mkdirSync(join(site.environments, "my environments' notes"));
});
afterAll(() => site.remove());

describe.each(TAB_SHELLS)("TAB in $shell", ({ argv, before }) => {
  describe.skipIf(!isThere(argv[0] ?? "") || !isThere("python3"))("completes", () => {
    /** Types a line (with TABs) that activates an environment. @returns what is shown, and the prefix in `<<>>`. */
    function shown(line: string): string {
      const steps: [string, string][] = [
        ["", `${before}\n`],
        ["READY ", `${line}\n`],
        ["READY ", "printf '<<%s>>\\n' \"$TYKKY_PREFIX\"\n"],
        ["<</", "exit\n"],
      ];
      const call = {
        cwd: join(site.home, "work"),
        env: {
          ROOT: site.root,
          TYKKY_PATH: `:/nowhere:${site.environments}:`,
          TYKKY_CHANGE_PS1: "0",
          TERM: "xterm",
        },
      };
      return type(site, argv, steps, call).stdout;
    }
    const typed = (line: string): string => {
      const stdout = shown(line);
      return /<<(\/[^>]*)>>/.exec(stdout)?.[1] ?? stdout;
    };

    it.each([
      ["the sub-command and a name", "tykky act\tuni\t", "environments/unique"],
      [
        "a name with a space, which is not a directory of no environment",
        "tykky activate my\t",
        "environments/my env",
      ],
      ["a name with a quote", "tykky activate it\t", "environments/it's"],
      ["a name that a shell would run", "tykky activate '$\t", "environments/$(touch pwned)x"],
      ["in quotes", "tykky activate 'my e\t", "environments/my env"],
      ["after an escaped space", "tykky activate my\\ e\t", "environments/my env"],
      ["kapseli's sub-command and a name", "kapseli act\tuni\t", "environments/unique"],
      ["a name after kapseli activate", "kapseli activate it\t", "environments/it's"],
      ["a directory", "tykky activate nea\t", "work/nearby env"],
      ["a path", "tykky activate ../environments/uni\t", "environments/unique"],
    ])("%s", (_what, line, prefix) => {
      expect(typed(line)).toBe(join(site.home, prefix));
    });

    it("files for kapseli's other commands", () => {
      // The site's kapseli says what it is called with; the line itself is shown with what quotes the space.
      expect(shown("kapseli run nea\t; kapseli activate unique")).toContain("kapseli run nearby env");
    });
  });
});
