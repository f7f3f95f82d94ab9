import { dirname, isAbsolute, join } from "node:path";
import { rm, writeFile } from "../host/files.ts";
import type { Container } from "../plan/containers.ts";
import { environmentTree } from "../plan/location.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import type { BuildRequest, Input } from "../plan/request.ts";
import { workPaths } from "../plan/work-paths.ts";
import { type PinnedHashes, pinned, pinnedHashes } from "../prefix/environment-lock.ts";
import { hashesArgv, UV_VARIABLES } from "../tools/uv.ts";
import { type BuildContext, runLogged } from "./context.ts";
import { condaRecords, pipOnly } from "./packages.ts";

/** An index that does not answer must not hold a build up. */
const ONLINE_MS = 15_000;

/** A search for hashes that runs beside the steps of a build. */
export interface HashSearch {
  /** Empty when it found none; it never fails. */
  found: Promise<PinnedHashes>;
  /** Ends it. */
  stop(): void;
}

/** The lines of requirements that say where packages come from. */
function indexLines({ content, path }: Input): string[] {
  const options =
    content.format === "requirements"
      ? content.value.options
      : content.format === "environment-yml"
        ? content.value.pip?.requirements.options
        : undefined;
  if (!options) return [];
  // A path is relative to the file that it stands in; addresses and variables are not.
  const place = (text: string): string =>
    isAbsolute(text) || /^(?:[a-z][a-z+]*:|\$\{)/i.test(text) ? text : join(dirname(path), text);
  return [
    ...(options.indexUrl === undefined ? [] : [`--index-url ${options.indexUrl}`]),
    ...options.extraIndexUrls.map((url) => `--extra-index-url ${url}`),
    ...options.findLinks.map((links) => `--find-links ${place(links)}`),
    ...(options.noIndex ? ["--no-index"] : []),
  ];
}

/** Hashes that are known before anything is asked: of the generation before, or of the lock that is built again. */
export function knownHashes({ origin, input, requirements }: BuildRequest): PinnedHashes {
  const locked = [input, requirements].flatMap((one) => one?.locked?.hashed ?? []);
  return pinnedHashes([origin?.lock ?? "", ...locked].join("\n"));
}

async function search(
  context: BuildContext,
  plan: Plan,
  uv: string,
  request: BuildRequest,
  container: Container,
): Promise<PinnedHashes> {
  const tree = environmentTree(plan);
  const root = plan.location.environment;
  const dists = await pipOnly(tree, await condaRecords(tree));
  const known = knownHashes(request);
  const pins = dists
    .filter(({ installer, url }) => installer === "uv" && url === undefined)
    .map(({ name, version }) => pinned(name, version))
    .filter((pin) => /^[\w.-]+==[\w.+!-]+$/.test(pin) && !known.has(pin));
  if (pins.length === 0) return new Map();
  const { installed } = workPaths(plan.workDirectory);
  const options = [request.input, request.requirements].flatMap((input) => (input ? indexLines(input) : []));
  // The options may hold credentials.
  await writeFile(installed, `${[...options, ...pins].join("\n")}\n`, { mode: 0o600 });
  const env = { ...applyEnvironment(context.facts.environment, plan.environment), ...UV_VARIABLES };
  try {
    // What was just installed is in uv's cache, with what the index said of it.
    for (const offline of [true, false]) {
      const lines: string[] = [];
      const finished = await runLogged(
        context,
        { argv: container(hashesArgv(uv, root, installed, offline)), env },
        { quiet: true, onLine: (line) => lines.push(line), timeoutMs: ONLINE_MS },
      );
      if (finished.exitCode === 0) return pinnedHashes(lines.join("\n"));
    }
  } finally {
    await rm(installed, { force: true });
  }
  context.report({
    event: "debug",
    message: "uv could not tell the hashes of the packages: the lock has none",
  });
  return new Map();
}

/**
 * Finds the hashes of what uv installed, which it does not record: by the index, as uv itself writes them for exact
 * versions (`uv pip compile --generate-hashes`, docs.astral.sh/uv). Nothing depends on it but environment.lock.
 *
 * @returns undefined where uv installed nothing.
 */
export function searchHashes(
  context: BuildContext,
  plan: Plan,
  request: BuildRequest,
  container: Container,
): HashSearch | undefined {
  const uv = plan.engine.engine === "uv" ? plan.engine.path : plan.uv;
  if (uv === undefined) return undefined;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const found = search({ ...context, signal }, plan, uv, request, container).catch((error: unknown) => {
    context.report({ event: "debug", message: `no hashes from the index: ${String(error)}` });
    return new Map<string, string>();
  });
  return { found, stop: () => stop.abort() };
}
