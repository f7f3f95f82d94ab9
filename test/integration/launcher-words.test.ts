import { spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderLauncher, renderStub } from "../../src/prefix/launcher.ts";
import { launcherData } from "../support/launcher-data.ts";
import { holds, SEED, variableName, withoutNul } from "../support/properties.ts";

/** The runtime of these launchers: prints its words and its environment as they came. */
const RUNTIME = `#!/bin/sh
printf '%s\\0' "$#" "$@"
exec env -0
`;

const has = (name: string): boolean => spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
const SHELLS = [["dash"], ["bash"], ["bash", "--posix"], ["busybox", "sh"], ["ksh"]].filter(([name = ""]) =>
  has(name),
);

const base = mkdtempSync(join(tmpdir(), "kapseli words-"));
const root = join(base, "it's a $(touch pwned) prefix");
const runtime = join(base, "runtime");

/** Names that a package may give its programs; those that cannot be called are left out when it is built. */
const NAMES = [
  "python3",
  "$(id)",
  "-rf",
  "a b",
  "it's",
  '"',
  "\\",
  "*",
  "~",
  "é😀",
  "a;b",
  "&",
  "x".repeat(255),
];

beforeAll(() => {
  const generation = join(root, "generations", "1");
  mkdirSync(join(root, "bin"), { recursive: true });
  mkdirSync(join(generation, "root"), { recursive: true });
  writeFileSync(runtime, RUNTIME);
  chmodSync(runtime, 0o755);
  writeFileSync(join(generation, "env.sqfs"), "an image");
  const data = launcherData(root, { commands: NAMES, runtimePath: runtime });
  writeFileSync(join(generation, "launcher.sh"), renderLauncher(data));
  symlinkSync("generations/1", join(root, "current"));
  const [first = "", ...others] = NAMES;
  writeFileSync(join(root, "bin", first), renderStub(root));
  chmodSync(join(root, "bin", first), 0o755);
  for (const name of others) linkSync(join(root, "bin", first), join(root, "bin", name));
});
afterAll(() => rmSync(base, { recursive: true }));

interface Started {
  /** The program inside and its arguments. */
  argv: string[];
  environment: Map<string, string>;
}

/** What a launcher read by a shell hands to the runtime. */
function started(
  shell: readonly string[],
  name: string,
  args: string[],
  env: Record<string, string>,
  cwd = base,
): Started {
  const [file = "sh", ...words] = shell;
  const ran = spawnSync(file, [...words, join(root, "bin", name), ...args], {
    cwd,
    env: { PATH: "/usr/bin:/bin", HOME: base, ...env },
    maxBuffer: 16 * 1024 * 1024,
  });
  if (ran.status !== 0 || ran.stderr.length > 0) throw new Error(`${ran.status}: ${ran.stderr}`);
  const fields = ran.stdout.toString("utf8").split("\0").slice(0, -1);
  const count = Number(fields[0]);
  const all = fields.slice(1, count + 1);
  const at = all.indexOf(join(root, "generations", "1", "root"));
  const environment = fields.slice(count + 1).map((one): [string, string] => {
    const equals = one.indexOf("=");
    return [one.slice(0, equals), one.slice(equals + 1)];
  });
  return { argv: all.slice(at + 1), environment: new Map(environment) };
}

describe.each(SHELLS.map((shell) => [shell.join(" "), shell] as const))(
  `a launcher read by %s (seed ${SEED})`,
  (_name, shell) => {
    it("hands on any arguments byte for byte, to the program of any name", () => {
      holds(
        25,
        fc.property(fc.constantFrom(...NAMES), fc.array(withoutNul(), { maxLength: 20 }), (name, args) => {
          expect(started(shell, name, args, {}).argv).toEqual([join(root, "bin", name), ...args]);
        }),
      );
    });

    it("hands on any value of any variable that is not its own", () => {
      const variables = fc.dictionary(variableName(), withoutNul(200), {
        maxKeys: 10,
        noNullPrototype: true,
      });
      holds(
        15,
        fc.property(variables, (values) => {
          const { environment } = started(shell, "python3", [], values);
          for (const [name, value] of Object.entries(values)) expect(environment.get(name), name).toBe(value);
        }),
      );
    });

    it("works in a directory of any name", () => {
      const name = withoutNul(20).filter((one) => one !== "" && !/[/]/.test(one) && !/^\.{1,2}$/.test(one));
      holds(
        10,
        fc.property(name, fc.array(withoutNul(), { maxLength: 3 }), (one, args) => {
          const cwd = join(base, `cwd ${one}`);
          mkdirSync(cwd, { recursive: true });
          expect(started(shell, "a b", args, { PWD: cwd }, cwd).argv).toEqual([
            join(root, "bin", "a b"),
            ...args,
          ]);
        }),
      );
    });

    it("runs nothing of it", () => {
      const left = readdirSync(base, { recursive: true, encoding: "utf8" });
      expect(left.filter((path) => path.endsWith("/pwned") || path === "pwned")).toEqual([]);
    });
  },
);
