import { createHash } from "node:crypto";
import * as z from "zod";
import { type LauncherData, renderLauncher, renderStub } from "./launcher.ts";
import type { Manifest } from "./manifest.ts";

const Way = z.discriminatedUnion("way", [
  z.object({ way: z.literal("image") }),
  z.object({ way: z.literal("session"), sessionDirectory: z.string() }),
  z.object({ way: z.literal("fusemount"), squashfuse: z.string() }),
]);

/** What a generation's launcher.sh is made of besides what its manifest has anyway, and the sums of what was made. */
export const LauncherRecord = z.object({
  /** sha256 of launcher.sh, of the stub behind every name in bin, and of environ.bash, where there is one. */
  sha256: z.object({ launcher: z.string(), stub: z.string(), environ: z.string().optional() }),
  layout: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("image") }),
    z.object({ kind: z.literal("view"), mount: z.string().optional() }),
  ]),
  environmentRoot: z.string(),
  runtimePath: z.string(),
  way: Way,
  base: z.string(),
  hiddenTopLevel: z.array(z.string()),
  redirects: z.record(z.string(), z.string()),
  byPath: z.boolean(),
  libraryPaths: z.object({ first: z.array(z.string()), last: z.array(z.string()) }),
  isolation: z
    .object({ mountPoints: z.array(z.string()), path: z.string(), libraries: z.string() })
    .optional(),
  extraVariables: z.array(
    z.object({ name: z.string(), value: z.string(), type: z.enum(["set", "append", "prepend"]) }),
  ),
  /** The text of environ.bash. */
  environ: z.string().optional(),
  /** Whether bin has launchers at all (`create_wrappers`). */
  names: z.boolean(),
});

export type LauncherRecord = z.infer<typeof LauncherRecord>;

/** @returns lower-case hexadecimal. */
export function sha256Of(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * @param environ the text of environ.bash, where there is one
 * @param names whether bin gets launchers
 */
export function launcherRecord(
  data: LauncherData,
  environ: string | undefined,
  names: boolean,
): LauncherRecord {
  const { layout, environmentRoot, runtimePath, way, base, byPath, isolation } = data;
  return {
    sha256: {
      launcher: sha256Of(renderLauncher(data)),
      stub: sha256Of(renderStub(data.root)),
      ...(environ === undefined ? {} : { environ: sha256Of(environ) }),
    },
    layout,
    environmentRoot,
    runtimePath,
    way,
    base,
    hiddenTopLevel: [...data.hiddenTopLevel],
    redirects: { ...data.redirects },
    byPath,
    libraryPaths: { first: [...data.libraryPaths.first], last: [...data.libraryPaths.last] },
    ...(isolation ? { isolation: { ...isolation, mountPoints: [...isolation.mountPoints] } } : {}),
    extraVariables: [...data.extraVariables],
    ...(environ === undefined ? {} : { environ }),
    names,
  };
}

/** The data of a generation's launcher, from its manifest; undefined for one of a version that did not record it. */
export function recordedLauncher(manifest: Manifest): LauncherData | undefined {
  const { launcher } = manifest;
  if (!launcher) return undefined;
  const { sha256: _sums, environ, names: _names, layout, isolation, ...rest } = launcher;
  return {
    ...rest,
    id: manifest.id,
    generation: manifest.generation,
    root: manifest.root,
    layout:
      layout.kind === "image"
        ? layout
        : { kind: "view", ...(layout.mount === undefined ? {} : { mount: layout.mount }) },
    runtimeFlags: manifest.runtime.flags,
    baseKind: manifest.base.kind,
    commands: manifest.commands,
    environment: manifest.environment,
    ...(isolation ? { isolation } : {}),
    ...(manifest.interpreter ? { interpreter: manifest.interpreter.path } : {}),
    environ: environ !== undefined,
  };
}
