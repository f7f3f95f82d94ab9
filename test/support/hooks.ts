/** Hooks in the real bash of this machine, over a directory instead of a container: what the shell itself decides. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { CondaSetting } from "../../src/build/conda-place.ts";
import type { BuildContext } from "../../src/build/context.ts";
import { type HookSetting, openHooks } from "../../src/build/hooks.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { KapseliError } from "../../src/errors.ts";
import type { HookScript } from "../../src/plan/request.ts";
import type { BuildEvent } from "../../src/report/events.ts";
import { channelSettings } from "../../src/tools/conda-channel.ts";
import { FACTS } from "./plan-inputs.ts";
import { executable, scratch } from "./programs.ts";

export interface HookPlace {
  directory: string;
  root: string;
  work: string;
  project: string;
  events: BuildEvent[];
  stop: AbortController;
  context: BuildContext;
  setting: HookSetting;
}

/** A place in which hooks can run; `over` changes the setting that the test is about. */
export async function hookPlace(
  over: Partial<HookSetting> = {},
  environment: Record<string, string> = {},
): Promise<HookPlace> {
  const directory = await scratch();
  const at = (name: string): string => join(directory, name);
  const [root, work, project] = [at("env"), at("work"), at("my project")];
  for (const path of [root, work, project]) await mkdir(path);
  const facts = {
    ...FACTS,
    environment: { PATH: process.env.PATH ?? "/usr/bin:/bin", HOME: directory, ...environment },
    cwd: project,
  };
  const { config } = resolveConfig({
    environment: facts.environment,
    home: directory,
    cwd: project,
    flags: {},
  });
  const events: BuildEvent[] = [];
  const stop = new AbortController();
  const context: BuildContext = {
    config,
    facts,
    log: { path: at("log"), write: () => undefined, close: async () => undefined },
    report: (event) => void events.push(event),
    signal: stop.signal,
  };
  const setting: HookSetting = {
    container: (argv) => [...argv],
    environment: { remove: [], set: {} },
    workDirectory: work,
    tree: root,
    root,
    installationPath: root,
    prefix: root,
    envName: "env1",
    mode: "conda",
    cwd: project,
    variables: {},
    pre: [],
    post: [],
    activation: "none",
    tools: {},
    step: "install",
    ...over,
  };
  return { directory, root, work, project, events, stop, context, setting };
}

/** A script as the user gave it. */
export const script = (text: string, shown = "/home/u/post.sh"): HookScript => ({ shown, text });

export interface HooksRan {
  /** What the scripts printed. */
  lines: string[];
  error?: KapseliError;
}

export const outputOf = (place: HookPlace): string[] =>
  place.events.flatMap((event) => (event.event === "output" ? [event.line] : []));

/** Runs a place's scripts from the first to the last. */
export async function runHooks(place: HookPlace): Promise<HooksRan> {
  try {
    const hooks = await openHooks(place.context, place.setting);
    onTestFinished(() => hooks.close());
    try {
      await hooks.pre();
      await hooks.post();
    } finally {
      await hooks.close();
    }
  } catch (error) {
    if (!(error instanceof KapseliError)) throw error;
    return { lines: outputOf(place), error };
  }
  return { lines: outputOf(place) };
}

/** Runs one post-install script. */
export async function runPost(text: string, over: Partial<HookSetting> = {}): Promise<HooksRan> {
  return runHooks(await hookPlace({ post: [script(text)], ...over }));
}

/** A stand-in for micromamba: notes its words, and installs a record for each plain word. */
const MICROMAMBA = `#!/bin/sh
printf '%s\\n' "$*" >>"$(dirname "$0")/calls"
printf 'pkgs %s\\n' "$CONDA_PKGS_DIRS" >>"$(dirname "$0")/calls"
action=$1 prefix='' skip=''
shift
for word do
  if [ -n "$skip" ]; then [ "$skip" != -p ] || prefix=$word; skip=; continue; fi
  case $word in
    -p | --root-prefix | -c | --file | -f) skip=$word; continue ;;
    -*) continue ;;
    bad) echo 'error    libmamba Could not solve for environment specs'; exit 1 ;;
  esac
  [ -n "$prefix" ] || continue
  record=$prefix/conda-meta/$word-1.0-0.json
  if [ "$action" = remove ]; then rm "$record"; continue; fi
  mkdir -p "$prefix/conda-meta"
  printf '{"name":"%s","version":"1.0","build":"0","build_number":0,"channel":"https://u:secret@host/chan","subdir":"noarch","url":"https://host/chan/noarch/%s-1.0-0.conda","requested_spec":"%s"}' "$word" "$word" "$word" >"$record"
done
`;

/** A conda setting whose engine is a stand-in; `calls` reads what it was asked for. */
export async function stubConda(
  over: Partial<CondaSetting> = {},
): Promise<{ conda: CondaSetting; calls: () => Promise<string> }> {
  const directory = await scratch();
  const path = await executable(join(directory, "micromamba"), MICROMAMBA);
  const conda: CondaSetting = {
    engine: { engine: "micromamba", path, why: "a test" },
    channels: ["conda-forge"],
    channelSettings: channelSettings({}, {}, directory),
    cache: join(directory, "cache"),
    platform: "linux-64",
    solverVariables: {},
    inBase: (argv) => [...argv],
    overHost: (argv) => [...argv],
    ...over,
  };
  return { conda, calls: () => readFile(join(directory, "calls"), "utf8") };
}

/** An environment with one conda package and an activation script in it. */
export async function fillEnvironment(root: string): Promise<void> {
  await mkdir(join(root, "conda-meta"), { recursive: true });
  await mkdir(join(root, "bin"), { recursive: true });
  await mkdir(join(root, "etc", "conda", "activate.d"), { recursive: true });
  await writeFile(
    join(root, "etc", "conda", "activate.d", "a.sh"),
    'export ACTIVATED="from $CONDA_PREFIX"\n',
  );
  await writeFile(join(root, "conda-meta", "state"), JSON.stringify({ env_vars: { OWN: "a 'b' $c" } }));
  const record = {
    name: "first",
    version: "2.5",
    build: "py_0",
    build_number: 0,
    channel: "https://host/conda-forge",
    subdir: "noarch",
    url: "https://host/conda-forge/noarch/first-2.5-py_0.conda",
    md5: "0123",
    requested_spec: "first>=2",
  };
  await writeFile(join(root, "conda-meta", "first-2.5-py_0.json"), JSON.stringify(record));
  await executable(join(root, "bin", "tool"), "#!/bin/sh\necho the environment has it\n");
}
