import { basename, dirname, join } from "node:path";
import { chmod, copyFile, hasCode, makeDirectories, readdir, symlink, writeFile } from "../host/files.ts";
import type { BuildRequest, EnvironmentOptions, Input } from "../plan/request.ts";
import { launcherRecord, sha256Of } from "../prefix/launcher-record.ts";
import { MANIFEST_SCHEMA, type Manifest, manifestText } from "../prefix/manifest.ts";
import { confYaml, type SharedConfiguration, TYKKY_MODES, versionYaml } from "../prefix/share-files.ts";
import { redactSecrets, redactTexts, withoutCredentials } from "../tools/redact.ts";
import { SOURCE, VERSION } from "../version.ts";
import { channelsOf } from "./engine.ts";
import { launcherData } from "./launchers.ts";
import { secretsOf } from "./secrets.ts";
import { type BuildState, made } from "./state.ts";

/** The files of a build's input by the names they are kept under. */
export function keptFiles(
  request: Pick<BuildRequest, "input" | "requirements" | "files">,
): { name: string; bytes: Uint8Array }[] {
  const { input, requirements, files = [] } = request;
  const named = [input, requirements].flatMap((one) =>
    one ? [{ name: basename(one.path), bytes: one.bytes }, ...one.included] : [],
  );
  const seen = new Set<string>();
  return [...named, ...files].map(({ name, bytes }) => {
    let unique = name;
    for (let number = 1; seen.has(unique); number++) {
      unique = `requirements${number === 1 ? "" : `-${number}`}/${name}`;
    }
    seen.add(unique);
    return { name: unique, bytes };
  });
}

/** What updates go on with: of what it is run with the user's part, the site's being read anew each time. */
function optionsRecord(
  { own, ...options }: EnvironmentOptions,
  forgotten: readonly string[],
): Manifest["options"] {
  const { environ: _environ, compress: _compress, ...others } = options;
  return {
    ...others,
    wrapperPaths: own.wrapperPaths.filter((item) => !forgotten.includes(item)),
    extra: [...own.extra],
    libraries: [...own.libraries],
    ...(own.environ === undefined ? {} : { environ: own.environ }),
    ...(own.compress === undefined ? {} : { compress: own.compress }),
  };
}

/** Whether there is something to lock. */
function hasLock(installed: BuildState["installed"]): installed is NonNullable<BuildState["installed"]> {
  return installed !== undefined && installed.packages.length > 0;
}

/** What a generation records of itself. */
async function manifestOf(state: BuildState): Promise<Manifest> {
  const { inputs, plan, image } = state;
  const { request } = inputs;
  const { trial, base, runtime, placement } = plan;
  return {
    schema: MANIFEST_SCHEMA,
    kapseli: VERSION,
    id: state.plan.id,
    tool: plan.tool,
    location: plan.location,
    options: optionsRecord(plan.options, made(state.commands, "commands").forgotten),
    wrapperLinks: [...state.wrapperLinks],
    ...(plan.tool === "conda"
      ? { channels: channelsOf(request, inputs.facts.environment).map(withoutCredentials) }
      : {}),
    ...(request.inPlace || request.origin?.inPlace ? { inPlace: true } : {}),
    ...(request.wrap ? { wrapped: request.wrap } : {}),
    generation: placement.generation,
    root: placement.root,
    linkedBin: placement.linkedBin,
    architecture: inputs.facts.architecture,
    created: state.created.toISOString(),
    seconds: state.seconds,
    inputs: keptFiles(request).map(({ name, bytes }) => ({
      name,
      sha256: sha256Of(bytes),
    })),
    config: Object.fromEntries(
      Object.entries(inputs.config)
        .filter(([, { value }]) => value !== undefined)
        .map(([key, { value, origin }]) => [key, { value: redactTexts(value), origin }]),
    ),
    engine: { name: plan.engine.engine, why: redactSecrets(plan.engine.why) },
    packages: state.installed?.packages ?? [],
    base: {
      kind: base.kind,
      source: redactSecrets(base.source),
      shared: base.shared,
      ...(base.digest === undefined ? {} : { digest: base.digest }),
      ...(base.size === undefined ? {} : { size: base.size }),
    },
    runtime: { ...runtime, flags: [...trial.flags], way: trial.way.way, skeleton: trial.skeleton },
    ...(image
      ? {
          image: {
            compression: trial.compression,
            sha256: await image.sealed,
            size: image.size,
            entries: image.entries,
          },
        }
      : {}),
    ...(state.interpreter ? { interpreter: state.interpreter } : {}),
    ...(hasLock(state.installed) ? { lockSha256: sha256Of(state.installed.lock) } : {}),
    commands: [...made(state.commands, "commands").names],
    environment: [...state.environment],
    launcher: launcherRecord(launcherData(state), plan.options.environ, inputs.config.create_wrappers.value),
  };
}

/** Inputs of earlier builds; one that holds a password is its owner's alone, and a colleague goes on without it. */
async function keepEarlier(state: BuildState, from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      await makeDirectories(copy);
      await keepEarlier(state, source, copy);
      continue;
    }
    try {
      await copyFile(source, copy);
    } catch (error) {
      if (!hasCode(error, "EACCES", "EPERM")) throw error;
      const message = `${source} cannot be read by you (it may hold credentials), and is not kept with the update`;
      state.context.report({ event: "warning", message });
    }
  }
}

/** Copies the inputs and what they include, as given, into a directory of the generation, after the earlier ones. */
async function keepInputs(state: BuildState): Promise<void> {
  const { request } = state.inputs;
  const earlier = request.origin?.inputs ?? request.earlierInputs ?? [];
  for (const [index, directory] of earlier.entries()) {
    const kept = join(state.generation.inputs, String(index));
    await makeDirectories(kept);
    await keepEarlier(state, directory, kept);
  }
  const own = join(state.generation.inputs, String(earlier.length));
  // What was wrapped in place was not built; and such a prefix is to be a few files.
  if (request.inPlace) return;
  // One directory for each build, also without a file.
  await makeDirectories(own);
  for (const file of keptFiles(request)) {
    const path = join(own, file.name);
    await makeDirectories(dirname(path));
    // As given, also where it holds a password: then for its owner's eyes only.
    const text = Buffer.from(file.bytes).toString("latin1");
    await writeFile(path, file.bytes, { mode: redactSecrets(text) === text ? 0o666 : 0o600 });
  }
}

function sharedConfiguration(state: BuildState, manifest: Manifest): SharedConfiguration {
  const { request, config, custom } = state.inputs;
  const { options, tool, location, base } = manifest;
  const nameOf = (input: Input | undefined) => (input ? basename(input.path) : undefined);
  const settings = Object.entries({ ...custom, ...config }).map(([key, { value }]) => [key, value]);
  return {
    mode: TYKKY_MODES[tool],
    environmentName: config.env_name.value,
    prefix: manifest.root,
    installationPath: location.mount,
    containerSource: base.source,
    sharedContainer: base.shared,
    isolate: options.isolated,
    mamba: config.mamba.value === true,
    useUv: options.uv,
    wrapperPaths: options.wrapperPaths,
    environmentFile: tool === "conda" ? nameOf(request.input) : undefined,
    requirementsFile: nameOf(tool === "conda" ? request.requirements : request.input),
    pythonVersion: options.pyver,
    configuration: Object.fromEntries(settings),
  };
}

/** The files of share/, by which scripts know the compatible layout. */
async function writeShare(state: BuildState, manifest: Manifest): Promise<void> {
  const { share } = state.generation;
  await makeDirectories(share);
  // A site's own keys may hold what the caller's variables do.
  const { text } = secretsOf(state.inputs.facts.environment);
  const shared = redactTexts(sharedConfiguration(state, manifest), text) as SharedConfiguration;
  await writeFile(join(share, "conf.yaml"), confYaml(shared));
  await writeFile(join(share, "VERSION.yml"), versionYaml({ ...SOURCE, built: state.created }));
  if (!state.inputs.request.inPlace) await symlink("../inputs", join(share, "previous_input"));
}

/** Writes what the new generation records of itself; the manifest, which makes it complete, last. */
export async function writeRecords(state: BuildState): Promise<Manifest> {
  const { generation, installed } = state;
  await keepInputs(state);
  if (hasLock(installed)) await writeFile(generation.lock, installed.lock);
  const manifest = await manifestOf(state);
  await writeShare(state, manifest);
  await copyFile(state.context.log.path, generation.log);
  await chmod(generation.log, 0o666 & ~process.umask());
  const text = manifestText(manifest);
  await writeFile(generation.manifestCopy, text);
  await writeFile(generation.manifest, text);
  return manifest;
}
