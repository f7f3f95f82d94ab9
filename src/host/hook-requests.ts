import { readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "./files.ts";

/** What a request is answered with; conda-shim.sh reads it. */
export interface RequestAnswer {
  /** `exit`: print and end. `write`: stdout goes to `path`. `run`: the words from `status` on run, in `path`. */
  verb: "exit" | "write" | "run";
  status: number;
  path?: string;
  stdout: string;
  stderr: string;
}

/** One call of the shim. */
export interface HookRequest {
  program: string;
  /** The caller's working directory, inside. */
  cwd: string;
  /** The caller's CONDA_PREFIX; empty where it has none. */
  activePrefix: string;
  words: string[];
  variables: Record<string, string>;
  /** The bytes of the files that the words name by `--file` or `-f`, in their order; undefined: not readable. */
  file(index: number): Promise<Uint8Array | undefined>;
}

/** How often the directory is looked at; the shim looks as often for its answer. */
const POLL_MS = 50;

async function readRequest(directory: string): Promise<HookRequest> {
  const split = async (name: string): Promise<string[]> =>
    (await readFile(join(directory, name), "utf8")).split("\0").slice(0, -1);
  const [program = "conda", cwd = "/", activePrefix = "", ...words] = await split("words");
  const variables = (await split("variables")).map((pair): [string, string] => {
    const equals = pair.indexOf("=");
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  return {
    program,
    cwd,
    activePrefix,
    words,
    variables: Object.fromEntries(variables),
    file: (index) => readFile(join(directory, `file-${index}`)).catch(() => undefined),
  };
}

async function answerRequest(directory: string, answer: RequestAnswer): Promise<void> {
  await writeFile(join(directory, "stdout"), answer.stdout);
  await writeFile(join(directory, "stderr"), answer.stderr);
  await writeFile(
    join(directory, "answer"),
    `${answer.verb}\n${answer.status}\n${(answer.path ?? "").replaceAll("\n", "")}\n`,
  );
  await rename(join(directory, "answer"), join(directory, "done"));
}

/**
 * Answers the requests that appear in a directory, one after the other, until it is told to stop.
 *
 * @param handle never rejects but for what must end everything
 * @param onFailure called when nothing is answered any more; `stop` then rejects with the reason
 * @returns `stop` waits for the request that is being answered.
 */
export function serveRequests(
  directory: string,
  handle: (request: HookRequest) => Promise<RequestAnswer>,
  onFailure: () => void,
): { stop(): Promise<void> } {
  const answered = new Set<string>();
  let stopped = false;
  let wake: (() => void) | undefined;
  const pause = (): Promise<void> =>
    new Promise((done) => {
      const timer = setTimeout(done, POLL_MS);
      wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  const look = async (): Promise<void> => {
    for (const name of (await readdir(directory)).sort()) {
      const path = join(directory, name);
      if (answered.has(name) || stopped) continue;
      try {
        await stat(join(path, "ready"));
      } catch (error) {
        if (hasCode(error, "ENOENT", "ENOTDIR")) continue;
        throw error;
      }
      answered.add(name);
      try {
        await answerRequest(path, await handle(await readRequest(path)));
      } catch (error) {
        // The caller was ended and took its request along.
        if (!hasCode(error, "ENOENT")) throw error;
      }
    }
    // Names come again when process numbers do.
    const there = new Set(await readdir(directory));
    for (const name of answered) if (!there.has(name)) answered.delete(name);
  };
  const work = (async () => {
    while (!stopped) {
      await look();
      if (!stopped) await pause();
    }
  })();
  work.catch(onFailure);
  return {
    stop: () => {
      stopped = true;
      wake?.();
      return work;
    },
  };
}
