import { ExitCode, KapseliError } from "../errors.ts";
import { rm } from "../host/files.ts";
import { openModes } from "../host/modes.ts";
import { applyEnvironment } from "../plan/make-plan.ts";
import type { Plan, PlannedCommand } from "../plan/plan.ts";
import { isPackedEntry, unreadPath } from "../tools/mksquashfs.ts";
import { type BuildContext, runLogged } from "./context.ts";

export interface Packing {
  commands: readonly PlannedCommand[];
  /** What the commands make. */
  image: string;
  /** The directory that it goes to, for people, and what to do when that is full. */
  room: { place: string; remedy: string };
  /** Whether what the user may not read is the build's own, to be opened. */
  isOwn: boolean;
  /** Called now and then with how many entries are packed. */
  onEntries?: (entries: number) => void;
}

/**
 * Runs mksquashfs once.
 *
 * @returns files and directories that it could not read.
 * @throws {KapseliError} `packingFailed` with what it said; the image is gone then.
 */
async function runOnce(
  context: BuildContext,
  plan: Plan,
  command: PlannedCommand,
  { image, room }: Pick<Packing, "image" | "room">,
  onEntry: () => void,
): Promise<string[]> {
  const unread: string[] = [];
  const env = applyEnvironment(context.facts.environment, plan.environment);
  const onLine = (line: string): void => {
    if (isPackedEntry(line)) {
      onEntry();
      return;
    }
    const path = unreadPath(line);
    if (path !== undefined) unread.push(path);
    context.report({ event: "output", line });
  };
  const packed = await runLogged(context, { argv: command.argv, env }, { onLine, quiet: true });
  if (packed.exitCode === 0) return unread;
  await rm(image, { force: true });
  const full = /No space left|quota/i.test(`${packed.stdout}\n${packed.stderr}`);
  const lines = packed.stderr.trim().split("\n").slice(-8);
  throw new KapseliError(
    ExitCode.packingFailed,
    full ? `there is no space left in ${room.place}` : "mksquashfs failed",
    { lines, hint: full ? room.remedy : "The lines above are its own." },
  );
}

/** mksquashfs itself would go on with empty files in their place. */
function unreadable(source: string, paths: readonly string[]): KapseliError {
  const [first, ...others] = paths;
  const many = others.length > 0 ? ` and ${others.length} more` : "";
  return new KapseliError(ExitCode.badInput, `you may not read ${first}${many} in ${source}`, {
    lines: paths.slice(0, 8),
    hint: "Give yourself the right to (chmod -R u+rX), ask whom they belong to, or take them out.",
  });
}

/**
 * Makes an image of all that its commands pack.
 *
 * @param source for people: where the files are
 * @returns files, directories and links in it.
 * @throws {KapseliError} `packingFailed` with what mksquashfs said; `badInput` for files that this user may not read.
 */
export async function runMksquashfs(
  context: BuildContext,
  plan: Plan,
  source: string,
  packing: Packing,
): Promise<number> {
  const { commands, image, isOwn, onEntries } = packing;
  let entries = 0;
  const onEntry = (): void => {
    entries += 1;
    if (entries % 100 === 0) onEntries?.(entries);
  };
  const once = async (): Promise<string[]> => {
    entries = 0;
    const unread: string[] = [];
    for (const command of commands) unread.push(...(await runOnce(context, plan, command, packing, onEntry)));
    return unread;
  };
  let unread = await once();
  if (unread.length > 0 && isOwn) {
    // A package may well have files that not even their owner may read.
    for (const path of unread) await openModes(path).catch(() => undefined);
    unread = await once();
  }
  if (unread.length === 0) return entries;
  await rm(image, { force: true });
  throw unreadable(source, unread);
}
