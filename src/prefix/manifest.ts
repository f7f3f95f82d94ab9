import * as z from "zod";
import { COMPRESSION_LEVELS } from "../tools/mksquashfs.ts";
import { LauncherRecord, sha256Of } from "./launcher-record.ts";

/** Version of the manifest's form; raised when a reader of the old form would misread the new one. */
export const MANIFEST_SCHEMA = 1;

const Change = z.union([
  z.object({ name: z.string(), change: z.enum(["set", "prepend", "append", "default"]), value: z.string() }),
  z.object({ name: z.string(), change: z.literal("unset") }),
]);

/** What a generation records of itself (`manifest.json`). */
export const Manifest = z.object({
  schema: z.literal(MANIFEST_SCHEMA),
  /** Version of the tool that built it. */
  kapseli: z.string(),
  id: z.string(),
  tool: z.enum(["conda", "pip", "directory", "container"]),
  location: z.object({
    /** Where the image is mounted inside. */
    mount: z.string(),
    environment: z.string(),
    /** Whether the prefix shows a bound directory of links, because the image is mounted elsewhere. */
    view: z.boolean(),
  }),
  /** How it is installed; an update goes on with the same. */
  options: z.object({
    uv: z.boolean(),
    pyver: z.string().optional(),
    systemSitePackages: z.boolean(),
    nocache: z.boolean(),
    wrapperPaths: z.array(z.string()),
    environ: z.string().optional(),
    extra: z.array(
      z.object({ name: z.string(), value: z.string(), type: z.enum(["set", "append", "prepend"]) }),
    ),
    libraries: z.array(z.string()),
    compress: z.enum(COMPRESSION_LEVELS).optional(),
    isolated: z.boolean(),
  }),
  /** Names in the environment's bin that were made for wrapperPaths. */
  wrapperLinks: z.array(z.string()),
  /** The conda channels that it was made from, without credentials. */
  channels: z.array(z.string()).optional(),
  /** It was an environment that somebody else made, where it is. */
  inPlace: z.boolean().optional(),
  /** The directory that was packed by wrap-install. */
  wrapped: z.object({ directory: z.string(), masked: z.boolean() }).optional(),
  generation: z.number().int().positive(),
  /** The place the environment was built for. */
  root: z.string(),
  linkedBin: z.boolean(),
  architecture: z.string(),
  /** ISO 8601, UTC. */
  created: z.string(),
  /** Seconds per step. */
  seconds: z.record(z.string(), z.number()),
  inputs: z.array(z.object({ name: z.string(), sha256: z.string() })),
  config: z.record(z.string(), z.object({ value: z.unknown(), origin: z.unknown() })),
  engine: z.object({ name: z.string(), why: z.string() }),
  packages: z.array(z.object({ name: z.string(), version: z.string(), source: z.enum(["conda", "pip"]) })),
  base: z.object({
    kind: z.enum(["host", "image"]),
    source: z.string(),
    shared: z.boolean(),
    digest: z.string().optional(),
    /** Bytes of an image file. */
    size: z.number().optional(),
  }),
  runtime: z.object({
    path: z.string(),
    family: z.string(),
    version: z.string(),
    flags: z.array(z.string()),
    way: z.string(),
    skeleton: z.enum(["directory", "image"]),
  }),
  /** Absent where there is only a container. */
  image: z
    .object({
      compression: z.string(),
      sha256: z.string(),
      /** Bytes. */
      size: z.number(),
      entries: z.number(),
    })
    .optional(),
  /** The program in the image of which the generation has a copy beside it: its path below the mount. */
  interpreter: z.object({ path: z.string(), sha256: z.string() }).optional(),
  /** Of environment.lock; absent where nothing was installed, and in what versions before wrote. */
  lockSha256: z.string().optional(),
  commands: z.array(z.string()),
  environment: z.array(Change),
  /** By which launchers are checked and written anew; a version before it did not record it. */
  launcher: LauncherRecord.optional(),
});

export type Manifest = z.infer<typeof Manifest>;

/** The field that a manifest's file has besides: the sha256 of the file with nothing in it. */
const SUM = /"sum": "([0-9a-f]{64})"(?=\n\}\n$)/;

/** The text of `manifest.json`. */
export function manifestText(manifest: Manifest): string {
  const text = `${JSON.stringify({ ...manifest, sum: "" }, null, 2)}\n`;
  return `${text.slice(0, -'"\n}\n'.length)}${sha256Of(text)}"\n}\n`;
}

/** Whether the text is as it was written; versions before did not note its sum, and are believed. */
export function isAsWritten(text: string): boolean {
  const sum = SUM.exec(text)?.[1];
  if (sum === undefined) return !text.includes('"sum"');
  return sha256Of(text.replace(SUM, '"sum": ""')) === sum;
}
