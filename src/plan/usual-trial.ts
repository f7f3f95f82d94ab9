import { type CompressionLevel, compressionsFor } from "../tools/mksquashfs.ts";
import { type MountWay, standardFlags } from "../tools/singularity.ts";
import type { TrialResult } from "./plan.ts";

/** With a PID namespace of its own, everything in a container ends when its first process is killed. */
export const PID_NAMESPACE: readonly string[] = ["--pid"];

/** What is tried. */
export interface Tried {
  baseKind: "host" | "image";
  /** Ways to mount an image, the preferred one first. */
  ways: readonly MountWay[];
  /** Whether it is to be found out, too, if a file can be bound over one of a mounted image. */
  bindsOver: boolean;
  /** What the image is to be good at. */
  level: CompressionLevel;
}

/** What a trial finds on most hosts: everything that is tried first works. */
export function usualTrial({ baseKind, ways, bindsOver, level }: Tried): TrialResult {
  const [way = { way: "image" }] = ways;
  return {
    flags: standardFlags(baseKind),
    buildFlags: PID_NAMESPACE,
    skeleton: "directory",
    way,
    // What --fusemount mounts comes after every bind.
    bindsOverImage: bindsOver && way.way === "image",
    compression: compressionsFor(level)[0] ?? "zstd",
    mksquashfsActions: true,
  };
}
