import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { environment, isThere, newSite, run, type Site, type } from "../support/activation.ts";

const { version } = JSON.parse(
  readFileSync(fileURLToPath(new URL("../../package.json", import.meta.url)), "utf8"),
) as { version: string };

/** Where the init files of both `module` commands are: installed, or unpacked by scripts/host-setup.sh. */
const init = (name: string, directory: string) =>
  ["", `/opt/kapseli/${name}`].map((root) => root + directory).find((path) => existsSync(join(path, "bash")));
const MODULES = [
  { name: "Lmod", directory: init("lmod", "/usr/share/lmod/lmod/init") },
  { name: "Environment Modules", directory: init("environment-modules", "/usr/share/modules/init") },
];

const SHELLS: { argv: [string, ...string[]]; file: string }[] = [
  { argv: ["bash"], file: "bash" },
  { argv: ["zsh", "-f"], file: "zsh" },
  { argv: ["ksh"], file: "ksh" },
  { argv: ["mksh"], file: "ksh" },
  { argv: ["dash"], file: "sh" },
  { argv: ["busybox", "sh"], file: "sh" },
];

let site: Site;
beforeAll(() => {
  site = newSite();
  environment(join(site.environments, "my env"));
});
afterAll(() => site.remove());

const call = (directory: string) => ({
  env: {
    INIT: directory,
    MODULEPATH: join(site.root, "etc", "modulefiles"),
    TYKKY_PATH: site.environments,
    MODULES_PAGER: "",
  },
});

describe("the modulefiles", () => {
  it("are named after this version", () => {
    const directory = join(site.root, "etc", "modulefiles", "kapseli");
    expect([existsSync(join(directory, version)), existsSync(join(directory, `${version}.lua`))]).toEqual([
      true,
      true,
    ]);
  });

  describe.each(MODULES)("with $name", ({ name, directory = "" }) => {
    describe.skipIf(directory === "")("its module command", () => {
      describe.each(SHELLS)("in $argv", ({ argv, file }) => {
        it.skipIf(!isThere(argv[0]))("loads and unloads", () => {
          // ksh93 has no `local`, which Lmod 8.6's own module function calls: its complaint is not ours.
          const script = `. "$INIT/${file}" 2>/dev/null
          module load kapseli/${version} 2>/dev/null
          set -u
          kapseli; echo "$KAPSELI_ROOT"
          kapseli activate "my env"; which-one
          set +u
          module unload kapseli 2>/dev/null
          echo "<\${TYKKY_PREFIX-}><\${KAPSELI_ROOT-}>"
          command -v tykky; command -v kapseli; command -v __tykky_find; command -v __tykky_has_kapseli
          case :$PATH:\${FPATH-}: in *kapseli-activate*) echo "left over: $PATH \${FPATH-}" ;; esac`;
          const ran = run(site, [...argv, "-c", script], call(directory));
          expect(ran).toMatchObject({
            stderr: "",
            stdout: `kapseli\n${site.root}\nfrom ${site.environments}/my env/bin/which-one\n<><>\n`,
          });
        });
      });

      it.skipIf(!isThere("fish"))("loads and unloads in fish", () => {
        const script = `source $INIT/fish
          module load kapseli/${version}
          kapseli; echo $KAPSELI_ROOT
          tykky activate "my env"; which-one
          module unload kapseli
          echo "<$TYKKY_PREFIX><$KAPSELI_ROOT>"
          functions -q tykky; and echo left; type -q kapseli; and echo left; complete | string match '*kapseli*'; functions --all --names | string match '*tykky*'
          string match '*kapseli-activate*' $PATH`;
        const ran = run(site, ["fish", "--no-config", "-c", script], call(directory));
        expect(ran).toMatchObject({
          stderr: "",
          stdout: `kapseli\n${site.root}\nfrom ${site.environments}/my env/bin/which-one\n<><>\n`,
        });
      });

      it("describes itself in `module help` and `module whatis`", () => {
        const script = `. "$INIT/bash"; module help kapseli/${version} 2>&1; module whatis kapseli/${version} 2>&1`;
        const { stdout } = run(site, ["bash", "-c", script], call(directory));
        expect(stdout).toContain("conda-containerize new --prefix DIR env.yml");
        expect(stdout).toContain("conda and pip environments in one image each");
      });

      it("says what it misses when it was copied away, and takes KAPSELI_ROOT then", () => {
        const script = `cp -r "$ROOT/etc/modulefiles" "$COPY"; . "$INIT/bash"; module use "$COPY"
          module load kapseli/${version}; echo "<\${KAPSELI_ROOT-}>"
          export KAPSELI_ROOT="$ROOT"; module load kapseli/${version}; kapseli; module unload kapseli; command -v kapseli`;
        const { env } = call(directory);
        const ran = run(site, ["bash", "-c", script], {
          env: { ...env, ROOT: site.root, COPY: join(site.home, name), MODULEPATH: "" },
        });
        // Lmod breaks lines.
        expect(ran.stderr.replace(/\s+/g, " ")).toContain(
          "set KAPSELI_ROOT to the directory that has its bin and etc",
        );
        expect(ran.stdout).toBe("<>\nkapseli\n");
      });

      it.skipIf(!isThere("python3"))("brings the completion", () => {
        const steps: [string, string][] = [
          ["", `PS1='READY'' '; . "$INIT/bash"; module load kapseli/${version}\n`],
          ["READY ", "tykky activate my\t\n"],
          ["READY ", "printf '<<%s>>\\n' \"$TYKKY_PREFIX\"\n"],
          ["<</", "exit\n"],
        ];
        const { stdout } = type(site, ["bash", "--norc", "-i"], steps, call(directory));
        expect(stdout).toContain(`<<${site.environments}/my env>>`);
      });
    });
  });
});
