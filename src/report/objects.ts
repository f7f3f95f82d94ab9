/**
 * What `--json` prints (docs/json.md). A field is only ever added; where one changes its meaning or goes, the number
 * at the end of `schema` is raised.
 */
import * as z from "zod";

const count = z.number().int().nonnegative();
/** ISO 8601, UTC. */
const time = z.string();

const Problem = z.strictObject({ path: z.string(), what: z.string() });
const Lock = z.strictObject({ user: z.string(), host: z.string(), pid: z.number(), since: time });
const Usage = { size: count, inodes: count };

const Identity = {
  prefix: z.string(),
  root: z.string(),
  made: z.enum(["kapseli", "tykky"]),
  kind: z.enum(["conda", "pip", "directory", "container"]).nullable(),
  state: z.enum(["ok", "moved", "damaged", "broken", "unreadable"]),
  problems: z.array(Problem),
  lock: Lock.nullable(),
  generation: count.nullable(),
  created: time.nullable(),
  ...Usage,
};

export const ListObject = z.strictObject({
  schema: z.literal("kapseli.list/1"),
  environments: z.array(
    z.strictObject({
      ...Identity,
      name: z.string().nullable(),
      generations: count,
      base: z.string().nullable(),
    }),
  ),
  notSearched: z.array(z.strictObject({ path: z.string(), why: z.string() })),
});

const Generation = z.strictObject({
  number: count,
  current: z.boolean(),
  created: time.nullable(),
  replaced: time.nullable(),
  kapseli: z.string().nullable(),
  imageSize: count.nullable(),
  ...Usage,
  packages: count.nullable(),
  missing: z.array(z.string()),
});

export const GenerationsObject = z.strictObject({
  schema: z.literal("kapseli.generations/1"),
  prefix: z.string(),
  root: z.string(),
  current: count.nullable(),
  generations: z.array(Generation),
});

export const InfoObject = z.strictObject({
  schema: z.literal("kapseli.info/1"),
  ...Identity,
  builtFor: z.string().nullable(),
  original: z.string().nullable(),
  kapseli: z.string().nullable(),
  architecture: z.string().nullable(),
  engine: z.strictObject({ name: z.string(), why: z.string() }).nullable(),
  inputs: z.array(z.strictObject({ name: z.string(), sha256: z.string() })),
  channels: z.array(z.string()),
  options: z.record(z.string(), z.unknown()),
  config: z.record(z.string(), z.strictObject({ value: z.unknown(), origin: z.unknown() })),
  base: z
    .strictObject({
      kind: z.enum(["host", "image"]),
      source: z.string(),
      shared: z.boolean(),
      digest: z.string().nullable(),
      size: count.nullable(),
    })
    .nullable(),
  runtime: z
    .strictObject({
      path: z.string(),
      family: z.string(),
      version: z.string(),
      flags: z.array(z.string()),
      way: z.string(),
    })
    .nullable(),
  image: z
    .strictObject({
      mount: z.string(),
      compression: z.string(),
      sha256: z.string(),
      size: count,
      entries: count,
    })
    .nullable(),
  packages: z.array(
    z.strictObject({ source: z.enum(["conda", "pip"]), name: z.string(), version: z.string() }),
  ),
  commands: z.array(z.string()),
  generations: z.array(Generation),
});

export const PruneObject = z.strictObject({
  schema: z.literal("kapseli.prune/1"),
  dryRun: z.boolean(),
  environments: z.array(
    z.strictObject({
      prefix: z.string(),
      root: z.string(),
      generations: z.array(
        z.strictObject({
          number: count,
          goes: z.boolean(),
          why: z.enum(["current", "previous", "in use", "recent", "old", "recent, asked for", "unfinished"]),
          ...Usage,
        }),
      ),
      freed: z.strictObject(Usage),
    }),
  ),
});

export const RemoveObject = z.strictObject({
  schema: z.literal("kapseli.remove/1"),
  removed: z.boolean(),
  environments: z.array(
    z.strictObject({
      prefix: z.string(),
      root: z.string(),
      ...Usage,
      left: z.array(z.string()),
      original: z.string().nullable(),
      links: z.array(z.string()),
      dangling: z.array(z.string()),
    }),
  ),
});

const Side = z.strictObject({ prefix: z.string(), root: z.string(), generation: count });

export const DiffObject = z.strictObject({
  schema: z.literal("kapseli.diff/1"),
  a: Side,
  b: Side,
  same: z.boolean(),
  packages: z.array(
    z.strictObject({
      source: z.enum(["conda", "pip"]),
      name: z.string(),
      change: z.enum(["added", "removed", "changed"]),
      a: z.string().nullable(),
      b: z.string().nullable(),
    }),
  ),
  settings: z.array(z.strictObject({ name: z.string(), a: z.string().nullable(), b: z.string().nullable() })),
  commands: z.strictObject({ added: z.array(z.string()), removed: z.array(z.string()) }),
});

export const LogObject = z.strictObject({
  schema: z.literal("kapseli.log/1"),
  prefix: z.string(),
  root: z.string(),
  generation: count,
  path: z.string(),
  text: z.string(),
});

const names = z.array(z.string()).readonly();
/** The last of what a command prints that may print events before. */
const result = z.literal("result");

export const BuildObject = z.strictObject({
  schema: z.literal("kapseli.build/1"),
  event: result,
  prefix: z.string(),
  root: z.string(),
  bin: z.string(),
  generation: count,
  commands: names,
  imageSize: count,
  older: z.strictObject({ count, bytes: count }),
  seconds: z.number(),
  manifest: z.looseObject({ schema: z.literal(1) }),
});

export const RollbackObject = z.strictObject({
  schema: z.literal("kapseli.rollback/1"),
  event: result,
  root: z.string(),
  from: count,
  to: count,
  back: names,
  gone: names,
});

export const VenvObject = z.strictObject({
  schema: z.literal("kapseli.venv/1"),
  event: result,
  directory: z.string(),
  root: z.string(),
  version: z.string(),
  pip: z.enum(["environment", "own", "none"]),
});

export const UnwrapObject = z.strictObject({
  schema: z.literal("kapseli.unwrap/1"),
  event: result,
  directory: z.string(),
  original: z.boolean(),
  left: z.string().nullable(),
  carried: names,
  kept: z.strictObject({ directory: z.string(), names }).nullable(),
});

export const BasesObject = z.strictObject({
  schema: z.literal("kapseli.bases/1"),
  bases: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.enum(["host", "recipe", "pull"]),
      description: z.string(),
      source: z.string().nullable(),
    }),
  ),
});

export const ErrorObject = z.strictObject({
  schema: z.literal("kapseli.error/1"),
  event: z.literal("error"),
  code: z.number().int(),
  message: z.string(),
  where: z.string().optional(),
  hint: z.string().optional(),
  lines: z.array(z.string()).optional(),
  others: z.array(z.string()).optional(),
  log: z.string().optional(),
});

/** Every object that a script may read, by the name that its `schema` begins with. */
export const OBJECTS = {
  list: ListObject,
  info: InfoObject,
  generations: GenerationsObject,
  prune: PruneObject,
  remove: RemoveObject,
  diff: DiffObject,
  log: LogObject,
  build: BuildObject,
  rollback: RollbackObject,
  venv: VenvObject,
  unwrap: UnwrapObject,
  bases: BasesObject,
  error: ErrorObject,
} as const;

type Objects = { [Name in keyof typeof OBJECTS]: z.infer<(typeof OBJECTS)[Name]> };

/** What a command has to say, but for its schema. */
export type ContentOf<Name extends keyof Objects> = Omit<Objects[Name], "schema">;
export type ListedEnvironment = Objects["list"]["environments"][number];
export type ListedGeneration = Objects["generations"]["generations"][number];
export type EnvironmentIdentity = Omit<ListedEnvironment, "name" | "generations" | "base">;

/** One line of JSON, with the schema first. */
export function objectText<Name extends keyof Objects>(name: Name, content: ContentOf<Name>): string {
  return `${JSON.stringify({ schema: `kapseli.${name}/1`, ...content })}\n`;
}
