import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type OverlayAccess, type OverlayPrograms, overlayAccess, overlayArgv } from "../tools/overlay.ts";
import { makeDirectories } from "./files.ts";
import { makeTreeDirectory } from "./tree-directory.ts";

/** An image that is shown as a tree that can be changed. */
export interface Overlay extends OverlayAccess {
  /** Holds what was changed, and nothing else. */
  upper: string;
  /** Takes the mounts away. What was changed stays in the directory. Can be called again. */
  close(): Promise<void>;
}

export interface OverlayRequest {
  programs: OverlayPrograms;
  /** The text of templates/overlay.sh. */
  script: string;
  /** Absolute. */
  image: string;
  /** The directories that are needed are made below it. */
  directory: string;
  environment: Readonly<Record<string, string>>;
  /** The caller's user id; 0 needs no user namespace. */
  uid: number;
  /** What the programs print. */
  onLine: (line: string) => void;
}

/** Mounting takes some hundredths of a second; where it hangs, the image is unpacked. */
const OPEN_TIMEOUT_MS = 20_000;

/**
 * Mounts an image below a writable layer: `DIRECTORY/tree`, for programs that entered. Without our own process the
 * mounts go at once.
 *
 * @returns the reason, where this host cannot; nothing is left behind then.
 */
export async function openOverlay(request: OverlayRequest): Promise<Overlay | { reason: string }> {
  const { programs, image, directory, environment, uid, onLine } = request;
  const script = join(directory, "overlay.sh");
  await makeTreeDirectory(join(directory, "upper"));
  for (const name of ["lower", "scratch", "tree"]) {
    await makeDirectories(join(directory, name));
  }
  await writeFile(script, request.script);
  const mark = randomUUID();
  const isRoot = uid === 0;
  let answered: (answer: string) => void = () => undefined;
  const answer = new Promise<string>((resolve) => {
    answered = resolve;
  });
  // It ends with its standard input, and only then: what works in the tree is ended first.
  const { converse } = await import("./conversation.ts");
  const conversation = converse(
    {
      argv: overlayArgv(programs, isRoot, script, image, mark),
      env: { ...environment, LC_ALL: "C" },
      cwd: directory,
    },
    { signal: new AbortController().signal, mark, onLine, onAnswer: answered },
  );
  const close = async (): Promise<void> => {
    conversation.end();
    await conversation.ended;
  };
  const timer = setTimeout(() => answered("no the mounts took too long"), OPEN_TIMEOUT_MS);
  const said = await Promise.race([
    answer,
    conversation.ended.then(({ startError, exitCode }) => `no ${startError ?? `status ${exitCode}`}`),
  ]);
  clearTimeout(timer);
  const { pid } = conversation;
  if (said === "ready" && pid !== undefined) {
    return { ...overlayAccess(programs, isRoot, pid), upper: join(directory, "upper"), close };
  }
  conversation.kill();
  await conversation.ended;
  return { reason: said.replace(/^no /, "") };
}
