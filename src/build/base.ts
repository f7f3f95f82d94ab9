import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import {
  exists,
  hashFile,
  makeDirectories,
  readFile,
  realpath,
  rename,
  stat,
  symlink,
  writeFile,
} from "../host/files.ts";
import { inOwnDirectory } from "../host/work-directory.ts";
import type { BaseChoice, RecordedBase } from "../plan/base-choice.ts";
import type { ResolvedBase } from "../plan/plan.ts";
import { hiddenTopLevel, skeletonLinks } from "../plan/visibility.ts";
import describeBase from "../templates/describe-base.sh";
import { redactSecrets } from "../tools/redact.ts";
import { execArgv, explainRuntimeFailure, FURTHER_FLAGS, type Runtime } from "../tools/singularity.ts";
import { type BuildContext, runLogged } from "./context.ts";

/** A link in every skeleton, by which a launcher sees that it is called inside a host-base container. */
export const SKELETON_MARK = ".kapseli-base";
/** A recipe removes a whole root tree when it is stopped. */
const RECIPE_CLEANUP_MS = 30_000;
/** Pulling a large image over a slow line takes long; the runtime itself reports when nothing comes. */
const PULL_TIMEOUT_MS = 6 * 60 * 60_000;

/** Makes the host base's skeleton: the host's top-level links and a mark; the runtime makes the mount points. */
export async function makeSkeleton(context: BuildContext, directory: string): Promise<void> {
  const hidden = hiddenTopLevel(
    { kind: "host", occupiedTopLevel: [] },
    context.config.excluded_mount_points.value,
  );
  await makeDirectories(directory);
  for (const [name, target] of skeletonLinks(context.facts.topLevel, hidden)) {
    await symlink(target, join(directory, name));
  }
  await symlink(".", join(directory, SKELETON_MARK));
}

/** Runs `command` in a base before anything is known of the flags it needs. */
export async function runInBase(
  context: BuildContext,
  runtime: Runtime,
  base: string,
  environment: Readonly<Record<string, string>>,
  argv: readonly [string, ...string[]],
): Promise<string> {
  let error = "";
  for (const further of FURTHER_FLAGS) {
    const flags = ["--no-eval", "--contain", "--no-mount", "home,tmp,cwd", ...further];
    const words = execArgv({ runtime, flags, base, binds: [], mounts: [], pwd: "/", argv });
    const finished = await runLogged(context, { argv: words, env: environment }, { timeoutMs: 300_000 });
    if (finished.exitCode === 0) return finished.stdout;
    error = finished.stderr;
  }
  const { message, hint, lines } = explainRuntimeFailure(error);
  throw new KapseliError(ExitCode.hostCannot, `the base ${base} cannot be used: ${message}`, { lines, hint });
}

async function imageBase(
  context: BuildContext,
  runtime: Runtime,
  environment: Readonly<Record<string, string>>,
  base: { source: string; path: string; shared: boolean; digest?: string },
): Promise<ResolvedBase> {
  // The base's own PATH is asked for, not the build's.
  const { SINGULARITYENV_PATH: _own, APPTAINERENV_PATH: _twin, ...bare } = environment;
  const printed = await runInBase(context, runtime, base.path, bare, ["/bin/sh", "-c", describeBase]);
  const lines = printed.split("\n");
  const occupiedTopLevel = lines
    .flatMap((line) => /^top (.+)$/.exec(line)?.[1] ?? [])
    .filter((name) => !["proc", "sys", "dev", ".singularity.d"].includes(name));
  const value = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  const [path, libraries] = [value("path"), value("libraries")];
  const glibc = lines
    .map((line) => /^glibc (\d[\d.]*)$/.exec(line)?.[1])
    .find((version) => version !== undefined);
  const info = await stat(base.path);
  return {
    kind: "image",
    ...base,
    ...(info.isFile() ? { size: info.size } : {}),
    occupiedTopLevel,
    ...(glibc === undefined ? {} : { glibc }),
    ...(path ? { searchPath: path } : {}),
    ...(libraries ? { libraryPath: libraries } : {}),
  };
}

/**
 * Pulls an image with the runtime's own `pull`, whose cache is keyed by the registry's digests: asking again for a
 * tag that has not moved downloads nothing. The image itself is kept under its sha256.
 */
async function pull(
  context: BuildContext,
  runtime: Runtime,
  uri: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ path: string; digest: string }> {
  const bases = join(context.config.cache_directory.value, "bases");
  await makeDirectories(bases, 0o700);
  const { remembered, remember } = byDigest(bases, uri);
  const known = await remembered();
  if (known) return known;

  const runtimeCache = join(context.config.cache_directory.value, "runtime");
  const env = { SINGULARITY_CACHEDIR: runtimeCache, APPTAINER_CACHEDIR: runtimeCache, ...environment };
  return inOwnDirectory(bases, async (own) => {
    const temporary = join(own, "base.sif");
    const pulled = await runLogged(
      context,
      { argv: [runtime.path, "pull", "--force", temporary, uri], env },
      {
        timeoutMs: PULL_TIMEOUT_MS,
        onLine: (line) =>
          context.report({ event: "step-progress", step: "base", detail: line.replace(/^\w+:\s+/, "") }),
      },
    );
    if (pulled.exitCode !== 0) throw pullError(uri, pulled.lines);
    const { sha256 } = await hashFile(temporary);
    const path = join(bases, `sha256-${sha256}.sif`);
    await rename(temporary, path);
    await remember(sha256);
    return { path, digest: `sha256:${sha256}` };
  });
}

/** A URI that names a digest always means the same image: its file is found again without asking the registry. */
function byDigest(bases: string, uri: string) {
  const digest = /@sha256:([0-9a-f]{64})$/.exec(uri)?.[1];
  const note = digest === undefined ? undefined : join(bases, `digest-${digest}`);
  return {
    async remembered(): Promise<{ path: string; digest: string } | undefined> {
      if (note === undefined || !(await exists(note))) return undefined;
      const sha256 = (await readFile(note, "utf8")).trim();
      const path = join(bases, `sha256-${sha256}.sif`);
      return (await exists(path)) ? { path, digest: `sha256:${sha256}` } : undefined;
    },
    async remember(sha256: string): Promise<void> {
      if (note !== undefined) await writeFile(note, sha256);
    },
  };
}

function pullError(uri: string, lines: readonly string[]): KapseliError {
  const text = lines.join("\n");
  const hint = /unauthorized|denied|authentication|403|401/i.test(text)
    ? "The registry wants a login (apptainer registry login), or the name is wrong."
    : /manifest unknown|not found|404|name unknown/i.test(text)
      ? "Check the image's name and tag."
      : "Check the network from this host, HTTPS_PROXY and the registry's name.";
  return new KapseliError(ExitCode.hostCannot, `Failed getting container image ${redactSecrets(uri)}`, {
    lines: lines.slice(-8),
    hint,
  });
}

/** Builds a named base by its recipe, once per recipe text. */
async function buildRecipe(
  context: BuildContext,
  runtime: Runtime,
  choice: Extract<BaseChoice, { kind: "recipe" }>,
  environment: Readonly<Record<string, string>>,
): Promise<{ path: string; digest: string }> {
  const bases = join(context.config.cache_directory.value, "bases");
  await makeDirectories(bases, 0o700);
  const recipe = (await hashFile(choice.script)).sha256.slice(0, 16);
  const path = join(bases, `${choice.name}-${recipe}.sif`);
  if (!(await exists(path))) {
    // A recipe works under other user ids, which cannot pass the build's private directory.
    const TMPDIR = context.facts.environment.TMPDIR ?? "/tmp";
    await inOwnDirectory(bases, async (own) => {
      const temporary = join(own, "base.sif");
      const built = await runLogged(
        context,
        { argv: [choice.script, temporary], env: { ...environment, TMPDIR, RUNTIME: runtime.path } },
        {
          killAfterMs: RECIPE_CLEANUP_MS,
          onLine: (line) => context.report({ event: "step-progress", step: "base", detail: line }),
        },
      );
      if (built.exitCode !== 0) {
        throw new KapseliError(ExitCode.hostCannot, `the base ${choice.name} could not be built`, {
          lines: built.lines.slice(-8),
          hint: "The lines above say what is missing. The host base (--base host) needs nothing.",
        });
      }
      await rename(temporary, path);
    });
  }
  return { path, digest: `sha256:${(await hashFile(path)).sha256}` };
}

/** A generation's own base is never written to: what was recorded of it holds while its size does. */
async function digestOfKept(path: string, recorded: RecordedBase | undefined): Promise<string | undefined> {
  const info = await stat(path);
  if (!info.isFile()) return undefined;
  if (recorded !== undefined && recorded.size === info.size) return recorded.digest;
  return `sha256:${(await hashFile(path)).sha256}`;
}

/**
 * Gets the base ready: pulls or builds it where that is needed and looks at what is in it.
 *
 * @throws {KapseliError} `hostCannot` when it cannot be had or cannot be started.
 */
export async function resolveBase(
  context: BuildContext,
  runtime: Runtime,
  choice: BaseChoice,
  skeleton: string,
  environment: Readonly<Record<string, string>>,
): Promise<ResolvedBase> {
  switch (choice.kind) {
    case "host":
      return { kind: "host", source: "host", path: skeleton, shared: false, occupiedTopLevel: [] };
    case "directory": {
      const path = await realpath(choice.path);
      return imageBase(context, runtime, environment, { source: choice.path, path, shared: true });
    }
    case "image": {
      const path = await realpath(choice.path);
      const { sha256 } = await hashFile(path).catch((cause: Error) => {
        throw new KapseliError(
          ExitCode.hostCannot,
          `the base ${choice.path} cannot be read: ${cause.message}`,
          {
            hint: "Take an image that you may read, or ask its owner.",
            cause,
          },
        );
      });
      const digest = `sha256:${sha256}`;
      const { shared } = choice;
      return imageBase(context, runtime, environment, { source: choice.path, path, shared, digest });
    }
    case "kept": {
      const path = await realpath(choice.path);
      const { source, shared } = choice;
      const digest = await digestOfKept(path, choice.recorded);
      return imageBase(context, runtime, environment, {
        source,
        path,
        shared,
        ...(digest === undefined ? {} : { digest }),
      });
    }
    case "pull": {
      const pulled = await pull(context, runtime, choice.uri, environment);
      const source = redactSecrets(choice.uri);
      return imageBase(context, runtime, environment, { source, ...pulled, shared: false });
    }
    case "recipe": {
      const built = await buildRecipe(context, runtime, choice, environment);
      return imageBase(context, runtime, environment, { source: choice.name, ...built, shared: false });
    }
  }
}

/** What is at a path of this host. */
export async function kindOfPath(path: string): Promise<"file" | "directory" | "nothing"> {
  try {
    const found = await stat(path);
    return found.isDirectory() ? "directory" : "file";
  } catch {
    return "nothing";
  }
}
