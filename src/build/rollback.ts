import { ExitCode, KapseliError } from "../errors.ts";
import { asideOf, chmod, exists, rm, writeFile } from "../host/files.ts";
import { lockPrefix } from "../host/lock.ts";
import { isElsewhere, type LauncherFacts, renderStub } from "../prefix/launcher.ts";
import { generationPaths, prefixPaths } from "../prefix/layout.ts";
import type { Manifest } from "../prefix/manifest.ts";
import { type Environment, findEnvironment, requireWritable } from "./environment.ts";
import { currentGeneration, generationNumbers, makeCurrent, type Publication } from "./publish.ts";
import { knownManifest } from "./read-manifest.ts";
import { seeGeneration } from "./see.ts";

/** One generation of an environment, as far as going back needs to know. */
interface GenerationSummary {
  number: number;
  current: boolean;
  /** Bytes of the image; undefined when there is none. */
  imageSize: number | undefined;
  /** What a launch needs and is not there; empty when it can be used. */
  missing: readonly string[];
}

interface Looked {
  summary: GenerationSummary;
  launcher: LauncherFacts | undefined;
}

async function look(environment: Environment, number: number): Promise<Looked> {
  const { missing, imageSize, launcher } = await seeGeneration(environment.root, number);
  return { summary: { number, current: number === environment.generation, imageSize, missing }, launcher };
}

/** The links by which scripts know a generation's image and base. */
function knownLinks(
  manifest: Manifest | undefined,
  launcher: LauncherFacts,
  image: boolean,
): Pick<Publication, "names" | "image" | "base"> {
  const name = (key: string, otherwise: string): string => {
    const value = manifest?.config[key]?.value;
    return typeof value === "string" ? value : otherwise;
  };
  const { base } = launcher;
  return {
    names: { image: name("sqfs_image", "img.sqfs"), container: name("container_image", "container.sif") },
    image,
    base: base.startsWith("/") ? base : base === "base.sif" ? "current/base.sif" : undefined,
  };
}

/** What a rollback did. */
export interface RollbackResult {
  root: string;
  from: number;
  to: number;
  /** Commands that were not there before, and those that are not there any more. */
  back: readonly string[];
  gone: readonly string[];
}

/** The generation to go to. @throws {KapseliError} `badInput` when there is none that can be used. */
function chooseTarget(
  environment: Environment,
  looked: readonly Looked[],
  wanted: number | undefined,
): Looked & { launcher: LauncherFacts } {
  const seen = `kapseli generations ${environment.root} lists what is there.`;
  const refuse = (message: string): never => {
    throw new KapseliError(ExitCode.badInput, message, { hint: seen });
  };
  const complete = ({ summary, launcher }: Looked): boolean => summary.missing.length === 0 && !!launcher;
  const target =
    wanted === undefined
      ? looked.find((one) => one.summary.number < environment.generation && complete(one))
      : looked.find(({ summary }) => summary.number === wanted);
  if (!target) {
    return wanted === undefined
      ? refuse(`${environment.root} has no complete generation before ${environment.generation}`)
      : refuse(`${environment.root} has no generation ${wanted}`);
  }
  const { launcher, summary } = target;
  if (!launcher || summary.missing.length > 0) {
    return refuse(
      `generation ${summary.number} of ${environment.root} is incomplete: ${summary.missing.join(", ")} is missing`,
    );
  }
  if (isElsewhere(launcher, environment.root)) {
    throw new KapseliError(
      ExitCode.badInput,
      `generation ${summary.number} was built for ${launcher.root}, and the environment is now in ${environment.root}`,
      { hint: "Move it back, or build it again here." },
    );
  }
  return { summary, launcher };
}

/**
 * Makes a complete generation the current one, with its names in bin and the links by which scripts know it; names
 * that are wrong or missing come right by it. The caller holds the lock.
 *
 * @throws {KapseliError} `checkOrPublishFailed` when a name in bin is in the way, or the prefix cannot be written.
 */
export async function switchTo(
  place: Pick<Environment, "prefix" | "root" | "linkedBin">,
  number: number,
  launcher: LauncherFacts,
  now: Date,
): Promise<void> {
  const { root } = place;
  const manifest = await knownManifest(root, number);
  const stub = asideOf(prefixPaths(root).bin);
  try {
    // A prefix that was moved keeps the stubs of its old place, by which it knows that it was.
    await writeFile(stub, renderStub(launcher.view ? root : launcher.root));
    await chmod(stub, 0o777 & ~process.umask());
    await makeCurrent(
      {
        placement: { ...place, generation: number },
        commands: manifest?.launcher?.names === false ? undefined : launcher.commands,
        stub,
        ...knownLinks(manifest, launcher, await exists(generationPaths(root, number).image)),
        now,
        onPublished: () => undefined,
      },
      async () => undefined,
    );
  } finally {
    await rm(stub, { force: true });
  }
}

/**
 * Makes another complete generation the current one: names, then one rename, as publishing does. Nothing is removed.
 *
 * @param prefix absolute
 * @param to the number of the generation; undefined takes the newest complete one before the current one.
 * @throws {KapseliError} `badInput` when there is no such generation, `hostCannot` when another build holds the
 * environment or it cannot be written, `checkOrPublishFailed` when a name in bin is in the way.
 */
export async function rollback(prefix: string, to: number | undefined, now: Date): Promise<RollbackResult> {
  const found = await findEnvironment(prefix);
  await requireWritable(found);
  const release = await lockPrefix(found.root);
  try {
    // A build may have published between the first look and the lock.
    const environment = {
      ...found,
      generation: (await currentGeneration(found.root)) ?? found.generation,
    };
    const { root, generation: from } = environment;
    const looked: Looked[] = [];
    for (const number of await generationNumbers(root)) looked.push(await look(environment, number));
    const { summary, launcher } = chooseTarget(environment, looked, to);
    const before = looked.find((one) => one.summary.current)?.launcher?.commands ?? [];
    await switchTo(environment, summary.number, launcher, now);
    const [had, has] = [new Set(before), new Set(launcher.commands)];
    return {
      root,
      from,
      to: summary.number,
      back: launcher.commands.filter((name) => !had.has(name)),
      gone: before.filter((name) => !has.has(name)),
    };
  } finally {
    await release();
  }
}
