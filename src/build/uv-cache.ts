import { mkdir, physicalPath } from "../host/files.ts";
import { canLink } from "../host/hard-links.ts";
import { run } from "../host/processes.ts";
import { applyEnvironment, planEnvironment } from "../plan/make-plan.ts";
import type { ResolvedBase } from "../plan/plan.ts";
import type { BuildRequest } from "../plan/request.ts";
import { linksByName } from "../tools/uv.ts";
import type { BuildContext } from "./context.ts";

/** uv answers in some milliseconds; one that hangs is not waited for. */
const TIMEOUT_MS = 10_000;

/** What decides whether the files of uv's cache can be those of the environment. */
export interface UvSetting {
  uv: string;
  request: BuildRequest;
  base: Pick<ResolvedBase, "kind">;
  /** Directories of the host's top level that the build's container has at their own paths. */
  binds: readonly string[];
  /** Where the work tree is mounted, which hides what the host has there. */
  mount: string;
  work: string;
}

/**
 * uv's cache, where its files can become those of the work tree by hard links. Each directory that is bound into a
 * container is a mount of its own, across which link(2) is refused; so uv makes symbolic links there, in the place of
 * which the files are linked from outside.
 *
 * @returns an absolute, physical path; undefined where uv is to copy.
 */
export async function linkableCache(context: BuildContext, setting: UvSetting): Promise<string | undefined> {
  const { request, base, mount, work, binds, uv } = setting;
  const { facts, signal } = context;
  const { isolated, nocache } = request.options;
  const { UV_LINK_MODE, UV_NO_CACHE } = facts.environment;
  if (base.kind !== "host" || isolated || nocache || UV_LINK_MODE === "copy" || UV_NO_CACHE) return undefined;
  const env = applyEnvironment(facts.environment, planEnvironment(facts, mount, work));
  const ask = (...words: string[]) =>
    run({ argv: [uv, ...words], env, cwd: facts.cwd }, { signal, timeoutMs: TIMEOUT_MS });
  const [version, directory] = await Promise.all([ask("--version"), ask("cache", "dir")]);
  const asked = directory.stdout.replace(/\n$/, "");
  if (!linksByName(version.stdout) || directory.exitCode !== 0 || !asked.startsWith("/")) return undefined;
  const made = await mkdir(asked, { recursive: true }).then(
    () => true,
    () => false,
  );
  if (!made) return undefined;
  const cache = await physicalPath(asked);
  const isSeen = binds.some((top) => cache.startsWith(`${top}/`)) && !`${cache}/`.startsWith(`${mount}/`);
  return isSeen && canLink(cache, work) ? cache : undefined;
}
