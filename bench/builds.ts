import { join } from "node:path";
import type { Plan, PlannedFile } from "../src/plan/plan.ts";
import type { BuildEvent } from "../src/report/events.ts";
import { type Command, runCommand } from "./rounds.ts";
import type { Setting } from "./setting.ts";

export const KINDS = ["conda", "pip", "uv"] as const;
export type Kind = (typeof KINDS)[number];

/** The engine behind each kind, for people. */
export const ENGINE: Readonly<Record<Kind, string>> = {
  conda: "conda-containerize, rattler",
  pip: "pip-containerize, pip",
  uv: "pip-containerize --uv, uv",
};

/** A build of the tool's, as it told of itself. */
export interface Build {
  prefix: string;
  /** Seconds, with the start of the program and the removal of the work directory. */
  wall: number;
  /** Seconds by step, in order. */
  steps: ReadonlyMap<string, number>;
  workDirectory: string;
  /** What it ran while it installed. */
  installCommands: readonly (readonly string[])[];
}

/** The command that builds an environment. */
export function buildCommand(
  setting: Setting,
  kind: Kind,
  prefix: string,
  more: readonly string[] = [],
): Command {
  const conda = kind === "conda";
  const tool = join(setting.bin, conda ? "conda-containerize" : "pip-containerize");
  const engine = conda ? ["--engine", "rattler"] : kind === "uv" ? ["--uv"] : [];
  const file = conda ? setting.condaFile : setting.requirements;
  const argv = [tool, "new", ...engine, "--tmpdir", setting.work, "--prefix", prefix, ...more, file] as const;
  return { argv: [...argv], env: setting.env, cwd: setting.home };
}

function events(stdout: string): BuildEvent[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as BuildEvent);
}

/** Builds into a new prefix. @throws {Error} when the build fails */
export function buildEnvironment(
  setting: Setting,
  kind: Kind,
  prefix: string,
  more: readonly string[] = [],
): Build {
  const started = performance.now();
  const { stdout } = runCommand(setting.user, buildCommand(setting, kind, prefix, ["--json", ...more]));
  const wall = (performance.now() - started) / 1000;
  const steps = new Map<string, number>();
  const installCommands: (readonly string[])[] = [];
  let workDirectory = "";
  let current = "";
  for (const event of events(stdout)) {
    if (event.event === "milestone") {
      workDirectory = /^Using (.*) as temporary directory$/.exec(event.message)?.[1] ?? workDirectory;
    } else if (event.event === "step-started") current = event.step;
    else if (event.event === "step-finished") steps.set(event.step, event.seconds);
    else if (event.event === "command" && current === "install") installCommands.push(event.argv);
  }
  return { prefix, wall, steps, workDirectory, installCommands };
}

/** The files that the install step would write, by the tool's own dry run. */
function installFiles(
  setting: Setting,
  kind: Kind,
  prefix: string,
): { files: readonly PlannedFile[]; work: string } {
  const dry = runCommand(setting.user, buildCommand(setting, kind, prefix, ["--dry-run", "--json"]));
  const { plan } = JSON.parse(dry.stdout) as { plan: Plan };
  const files = plan.steps.find(({ id }) => id === "install")?.files ?? [];
  return { files, work: plan.workDirectory };
}

/** The installer alone: the same programs with the same words, without a container, into a plain directory. */
export interface BareInstall {
  target: string;
  /** Where its input files lie. */
  inputs: string;
  files: readonly { path: string; content: string }[];
  commands: readonly Command[];
}

/** uv as people call it. Arguments as templates/uv_install.py takes them. */
const UV_ALONE = `import subprocess, sys
uv, root, requirements, *options = sys.argv[1:]
call = [uv, "pip", "install", "--no-progress", "--python", root + "/bin/python3"]
status = subprocess.call([*call, *(o for o in options if o != "pip"), "-r", requirements])
sys.exit(status or ("pip" in options and subprocess.call([*call, "pip"])))
`;

/** The installers' drivers without what they compare: that is ours, and not the installers'. */
function withoutComparing(path: string, content: string): string {
  if (path.endsWith("/uv_install.py")) return UV_ALONE;
  if (!path.endsWith("/rattler_install.py")) return content;
  const compares = ", validation_mode=ValidationMode.full()";
  if (!content.includes(compares)) throw new Error(`${path} does not say what it compares`);
  return content.replace(compares, "");
}

/**
 * Takes the container away from what a build ran, and leads it to `target` instead of the prefix. pip compiles by
 * itself there and uv links as it likes, as when a person runs them.
 */
export function bareInstall(setting: Setting, kind: Kind, build: Build, target: string): BareInstall {
  const inputs = `${target}-work`;
  const { files, work } = installFiles(setting, kind, build.prefix);
  const skeleton = join(build.workDirectory, "root");
  const lead = (word: string, from: string): string =>
    word.replaceAll(join(from, "tree"), target).replaceAll(from, inputs).replaceAll(build.prefix, target);
  const commands = build.installCommands.map((argv): Command => {
    const inside = argv
      .slice(argv.indexOf(skeleton) + 1)
      .filter((word) => word !== "--no-compile")
      .map((word) => lead(word, build.workDirectory));
    const [file, ...args] = inside;
    if (file === undefined) throw new Error(`there is no command in ${argv.join(" ")}`);
    return { argv: [file, ...args], env: setting.env, cwd: setting.home };
  });
  return {
    target,
    inputs,
    commands,
    files: files.map(({ path, content }) => ({
      path: lead(path, work),
      content: lead(withoutComparing(path, String(content)), work),
    })),
  };
}
