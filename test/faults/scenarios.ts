/**
 * What the fault suite breaks: commands that change a prefix, each with what the environment answers before and after,
 * and a way to begin again.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expectBuilt, type Place, put, putEnv } from "../support/builds.ts";
import { type, typeWell } from "../support/compat-place.ts";
import type { Ran } from "../support/real.ts";
import { keep } from "../support/trees.ts";

/** Nothing is at the prefix, or an empty directory. */
export const NOTHING = "nothing";

export interface Scenario {
  name: string;
  /** The environment's directory. */
  prefix: string;
  /** The command that is broken; `--json` is added where it builds. */
  argv: readonly [string, ...string[]];
  /** Answers of the environment: `NOTHING`, or what its program prints. */
  before: string;
  after: string;
  /** Before it, a plain directory is there and no environment of ours. */
  plainBefore?: boolean;
  /** What it answers now. @throws {Error} when a program that is there does not run */
  ask(): string;
  /** Puts everything back as it was before the command. */
  restore(): void;
}

type Maker = (place: Place) => Scenario;

/** The program's answer, or that there is nothing. */
function asker(place: Place, prefix: string, argv: readonly [string, ...string[]]): () => string {
  return () => {
    // What was killed before it published leaves a lock and an unfinished generation, until the next command.
    if (!existsSync(join(prefix, "bin"))) return NOTHING;
    const ran: Ran = type(place, argv);
    if (ran.exitCode !== 0) throw new Error(`${argv.join(" ")} ended with ${ran.exitCode}: ${ran.stderr}`);
    return ran.stdout.trim();
  };
}

const VERSIONS =
  "import importlib.metadata as m; print(sorted(d.name for d in m.distributions() if d.name in ('cowsay', 'iniconfig')))";
const [ONE, BOTH] = ["['cowsay']", "['cowsay', 'iniconfig']"];

/** A new environment: nothing is there before. */
function fresh(
  place: Place,
  name: string,
  argv: Scenario["argv"],
  answer: Scenario["argv"],
  after: string,
): Scenario {
  const prefix = join(place.directory, "env");
  return {
    name,
    prefix,
    argv,
    before: NOTHING,
    after,
    ask: asker(place, prefix, answer),
    restore: () => void typeWell(place, ["rm", "-rf", prefix]),
  };
}

/** A change of an environment that `build` makes. */
function changed(
  place: Place,
  name: string,
  build: Scenario["argv"],
  scenario: Pick<Scenario, "argv" | "before" | "after"> & { answer: Scenario["argv"] },
): Scenario {
  const prefix = join(place.directory, "env");
  expectBuilt(place, type(place, build));
  const ask = asker(place, prefix, scenario.answer);
  return { name, prefix, ...scenario, ask, restore: keep(place, "env") };
}

const PYTHON = ["env/bin/python3", "-c", VERSIONS] as const;

function pipFiles(place: Place): void {
  put(place, "one.txt", "cowsay==6.1\n");
  put(place, "more.txt", "iniconfig==2.0.0\n");
}

function pipNew(...flags: string[]): Maker {
  return (place) => {
    pipFiles(place);
    const argv = ["pip-containerize", "new", "--json", ...flags, "--prefix", "env", "one.txt"] as const;
    return fresh(place, `new pip ${flags.join(" ")}`.trim(), argv, PYTHON, ONE);
  };
}

function pipUpdate(...flags: string[]): Maker {
  return (place) => {
    pipFiles(place);
    return changed(
      place,
      `update pip ${flags.join(" ")}`.trim(),
      ["pip-containerize", "new", ...flags, "--prefix", "env", "one.txt"],
      {
        argv: ["pip-containerize", "update", "--json", "-r", "more.txt", "env"],
        before: ONE,
        after: BOTH,
        answer: PYTHON,
      },
    );
  };
}

/** By the names that the tests' titles give them; each is made in a place of its own. */
export const SCENARIOS: Readonly<Record<string, Maker>> = {
  "new conda": (place) => {
    putEnv(place, "kapseli-versions=1.0");
    const argv = [
      "conda-containerize",
      "new",
      "--json",
      "--engine",
      "rattler",
      "--prefix",
      "env",
      "env.yml",
    ] as const;
    return fresh(place, "new conda", argv, ["env/bin/kapseli-versions"], "1.0");
  },
  "update conda": (place) => {
    putEnv(place, "kapseli-versions=1.0");
    put(place, "post.sh", "conda install -y kapseli-versions=2.0\n");
    const build = ["conda-containerize", "new", "--engine", "rattler", "--prefix", "env", "env.yml"] as const;
    return changed(place, "update conda", build, {
      argv: ["conda-containerize", "update", "--json", "--post-install", "post.sh", "env"],
      before: "1.0",
      after: "2.0",
      answer: ["env/bin/kapseli-versions"],
    });
  },
  "new pip": pipNew(),
  "update pip": pipUpdate(),
  "new uv": pipNew("--uv"),
  "update uv": pipUpdate("--uv"),
  "wrap-install": (place) => {
    put(place, "soft/bin/answer", "#!/bin/sh\necho wrapped\n", 0o755);
    const argv = [
      "wrap-install",
      "--json",
      "-w",
      "bin",
      "--prefix",
      "env",
      join(place.directory, "soft"),
    ] as const;
    return fresh(place, "wrap-install", argv, ["env/bin/answer"], "wrapped");
  },
  "wrap in place": (place) => {
    put(place, "env");
    const prefix = join(place.directory, "env");
    typeWell(place, ["/usr/bin/python3", "-m", "venv", "env"]);
    const restore = keep(place, "env");
    return {
      name: "wrap in place",
      prefix,
      argv: ["kapseli", "wrap", "--json", "env"],
      plainBefore: true,
      before: `${prefix} False`,
      after: `${prefix} True`,
      // What is wrapped has a launcher's data; lib is a file then.
      ask: asker(place, prefix, [
        "sh",
        "-c",
        'p=$(env/bin/python3 -c "import sys; print(sys.prefix)") || exit 1; if [ -e env/current/env.sqfs ]; then echo "$p True"; else echo "$p False"; fi',
      ]),
      restore: () => {
        typeWell(place, ["rm", "-rf", "env.kapseli-original"]);
        restore();
      },
    };
  },
};

const LAST = ["commands", "pack", "launchers", "check", "publish"];
const CHANGED = ["preflight", "unpack", "requirements", "compile", ...LAST];
const NEW = ["preflight", "install", "compile", ...LAST];

/** The steps that each scenario's command goes through. */
export const STEPS_OF: Readonly<Record<string, readonly string[]>> = {
  "new conda": NEW,
  "update conda": ["preflight", "unpack", "post-install", "compile", ...LAST],
  "new pip": NEW,
  "update pip": CHANGED,
  "new uv": NEW,
  "update uv": CHANGED,
  "wrap-install": ["preflight", ...LAST],
  "wrap in place": ["preflight", ...LAST],
};
