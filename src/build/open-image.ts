import { ExitCode, KapseliError } from "../errors.ts";
import type { HostFacts } from "../host/facts.ts";
import { fileSystemOf } from "../host/file-systems.ts";
import { hashFile, stat } from "../host/files.ts";
import { findHostProgram } from "../host/host-programs.ts";
import { type Overlay, openOverlay } from "../host/overlay.ts";
import { findRuntimeHelper } from "../host/runtime.ts";
import { readSuperblock } from "../host/squashfs-file.ts";
import { containerFor, opensModes } from "../plan/make-plan.ts";
import type { Plan } from "../plan/plan.ts";
import type { Origin } from "../plan/request.ts";
import { isFasterUnpacked } from "../plan/unpacking.ts";
import { COMPRESSIONS, Flag } from "../squashfs/superblock.ts";
import overlayScript from "../templates/overlay.sh";
import { type BuildContext, runLogged } from "./context.ts";
import { damagedHint } from "./unpack.ts";

/** A container start takes a tenth of a second; a hanging one is a failing one. */
const TRIAL_TIMEOUT_MS = 60_000;

/**
 * SquashFS has no checksums of its content, and mksquashfs replaces a file that it cannot read by an empty one: what
 * an update begins with is looked at whole.
 *
 * @throws {KapseliError} `badInput` for an image that is not what its manifest says.
 */
export async function checkOrigin({ image, sha256 }: Pick<Origin, "image" | "sha256">): Promise<void> {
  if (sha256 === undefined) return;
  const found = await hashFile(image);
  if (found.sha256 === sha256) return;
  throw new KapseliError(ExitCode.badInput, `${image} is damaged`, {
    lines: [`its sha256 is ${found.sha256}, and its manifest says ${sha256}`],
    hint: damagedHint(image),
  });
}

/**
 * Opens the image that an update begins with as a tree that can be changed, which spares writing all of its files.
 * Where writing them is faster, it is unpacked, and so is one without a recorded sum: unsquashfs reads all of it.
 *
 * @param plan as it is without an overlay
 * @param withOverlay the plan over this overlay
 * @returns undefined where the image has to be unpacked.
 */
export async function openImage(
  context: BuildContext,
  plan: Plan,
  origin: Origin,
  withOverlay: (overlay: Overlay) => Plan,
): Promise<{ plan: Plan; overlay: Overlay } | undefined> {
  const { environment, user } = context.facts;
  const unshare = findHostProgram(["unshare"], environment.PATH);
  const nsenter = findHostProgram(["nsenter"], environment.PATH);
  const refused = (reason: string): undefined => {
    context.report({ event: "debug", message: `the image is unpacked: ${reason}` });
    return undefined;
  };
  if (origin.sha256 === undefined) return refused("no sum of it is recorded");
  const canJoin = await canBeJoined(origin, plan, context.facts);
  if (!canJoin && isFasterUnpacked(await fileSystemOf(plan.workDirectory), (await stat(origin.image)).size)) {
    return refused("on this disk that is faster");
  }
  if (unshare === undefined || nsenter === undefined)
    return refused("unshare and nsenter are not on this host");
  const find = (name: string): string | undefined => findRuntimeHelper(name, plan.runtime, environment);
  const overlay = await openOverlay({
    programs: {
      unshare,
      nsenter,
      squashfuseLl: find("squashfuse_ll"),
      squashfuse: find("squashfuse"),
      fuseOverlayfs: find("fuse-overlayfs"),
    },
    script: overlayScript,
    image: origin.image,
    directory: plan.workDirectory,
    environment,
    uid: user.uid,
    onLine: (line) => context.report({ event: "debug", message: line }),
  });
  if ("reason" in overlay) return refused(overlay.reason);
  try {
    const over = withOverlay(overlay);
    if (await canWrite(context, over)) return { plan: over, overlay };
  } catch (error) {
    await overlay.close();
    throw error;
  }
  await overlay.close();
  return refused("a container cannot write over it");
}

/**
 * Whether what is changed can be added to the image, by what is seen at once. Where the environment moved, most of its
 * files may change.
 */
async function canBeJoined({ image, location }: Origin, plan: Plan, facts: HostFacts): Promise<boolean> {
  if (location.environment !== plan.location.environment || opensModes(plan.trial, facts)) return false;
  const superblock = await readSuperblock(image);
  return (
    superblock !== undefined &&
    (superblock.flags & Flag.plainInodes) !== 0 &&
    superblock.compression === COMPRESSIONS[plan.trial.compression]
  );
}

/** A runtime that is setuid does not start in a user namespace. */
async function canWrite(context: BuildContext, plan: Plan): Promise<boolean> {
  const container = containerFor(plan, context.facts, context.config);
  const test = ': >"$1/.kapseli-probe" && rm -- "$1/.kapseli-probe"';
  const argv = container(["/bin/sh", "-c", test, "sh", plan.location.mount]);
  const tried = await runLogged(
    context,
    { argv, env: context.facts.environment },
    { timeoutMs: TRIAL_TIMEOUT_MS },
  );
  return tried.exitCode === 0;
}
