import { join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { makeDirectories, rm } from "../host/files.ts";
import { MARKS } from "../tools/mksquashfs.ts";
import { entriesToWrite, parseUnpacking, type Unpacking, unpackArgv } from "../tools/unsquashfs.ts";
import { type BuildContext, runLogged } from "./context.ts";

export interface UnpackRequest {
  unsquashfs: string;
  /** Absolute. */
  image: string;
  /** Absolute; made when it does not exist. */
  tree: string;
  processors: number;
  /** Called now and then with what is done, between 0 and 1. */
  onProgress?: (fraction: number) => void;
}

/**
 * Unpacks an environment's image into a work tree, as an ordinary user: modes, times (so that compiled Python files
 * stay valid), links and hard links as they were packed.
 *
 * @returns how many files, directories and links were unpacked.
 * @throws {KapseliError} `badInput` for a damaged image, `hostCannot` where there is no space or unsquashfs cannot
 * read the image's compression.
 */
export async function unpackImage(
  context: Pick<BuildContext, "report" | "signal" | "facts">,
  request: UnpackRequest,
): Promise<number> {
  const { unsquashfs, image, tree, processors, onProgress } = request;
  await makeDirectories(tree);
  let total = 0;
  let seen = 0;
  const said: string[] = [];
  const finished = await runLogged(
    context,
    {
      argv: unpackArgv({ unsquashfs, image, destination: tree, processors }),
      env: { ...context.facts.environment, LC_ALL: "C" },
    },
    {
      onLine: (line) => {
        // One line for each entry: the tree's path and what is below it.
        if (line === tree || line.startsWith(`${tree}/`)) {
          seen += 1;
          if (seen % 100 === 0 && total > 0) onProgress?.(Math.min(1, seen / total));
          return;
        }
        total ||= entriesToWrite(line) ?? 0;
        if (line.trim() === "") return;
        said.push(line);
        if (said.length > 200) said.shift();
        context.report({ event: "output", line });
      },
      quiet: true,
    },
  );
  const result = parseUnpacking(finished.exitCode, said.join("\n"));
  if (!result.ok) throw explained(result, request);
  await removeMark(tree);
  return seen;
}

/** What of an image's content is ours means nothing in the next one. */
export function removeMark(tree: string): Promise<void> {
  return rm(join(tree, MARKS), { recursive: true, force: true });
}

/** What to do about an image that is damaged. What another tool made, and a first generation, have none before them. */
export function damagedHint(image: string): string {
  return /\/generations\/(?:[2-9]|[1-9]\d+)\/[^/]+$/.test(image)
    ? "Restore the file, go back to the generation before, or build the environment anew."
    : "Restore the file, or build the environment anew.";
}

function explained(result: Extract<Unpacking, { ok: false }>, request: UnpackRequest): KapseliError {
  const { image, tree, unsquashfs } = request;
  const { lines } = result;
  switch (result.problem) {
    case "compression":
      return new KapseliError(
        ExitCode.hostCannot,
        `${unsquashfs} is too old to unpack ${image}: it does not know its compression${result.compression === "unknown" ? "" : ` (${result.compression})`}`,
        { lines, hint: "Load a module with squashfs-tools 4.4 or newer, or build the environment anew." },
      );
    case "no space":
      return new KapseliError(ExitCode.hostCannot, `there is no space left in ${tree} to unpack ${image}`, {
        lines,
        hint: "Choose a directory with more room with --tmpdir or CW_BUILD_TMPDIR.",
      });
    case "no image":
      return new KapseliError(ExitCode.badInput, `${image} is not a SquashFS image`, {
        lines,
        hint: "Restore the file, or build the environment anew.",
      });
    case "damaged":
      return new KapseliError(ExitCode.badInput, `${image} is damaged`, {
        lines,
        hint: damagedHint(image),
      });
    case "other":
      return new KapseliError(ExitCode.unexpected, `unsquashfs could not unpack ${image}`, {
        lines,
        hint: "The lines above are its own.",
      });
  }
}
