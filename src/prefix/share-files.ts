import { stringify } from "yaml";
import { redactSecrets } from "../tools/redact.ts";
import type { Manifest } from "./manifest.ts";
import type { TykkyMode } from "./tykky-prefix.ts";

/** What share/conf.yaml says of one of our generations, in the words of tykky-surface.md §4. */
export interface SharedConfiguration {
  mode: TykkyMode;
  /** Name of the environment. */
  environmentName: string;
  prefix: string;
  /** Where the image is mounted inside. */
  installationPath: string;
  /** The configured base, and whether it is a shared file. */
  containerSource: string;
  sharedContainer: boolean;
  isolate: boolean;
  mamba: boolean;
  useUv: boolean;
  /** Paths given with -w, accumulated. */
  wrapperPaths: readonly string[];
  /** Names of the inputs, where there were any. */
  environmentFile?: string | undefined;
  requirementsFile?: string | undefined;
  pythonVersion?: string | undefined;
  /** The merged configuration: further keys, also a site's own, as they are. */
  configuration: Readonly<Record<string, unknown>>;
}

/** Tykky's word for what was built. */
export const TYKKY_MODES = {
  conda: "conda",
  pip: "venv",
  directory: "wrapdisk",
  container: "wrapcont",
} as const satisfies Record<Manifest["tool"], TykkyMode>;

/** What can be told of it from a manifest alone, for a share/conf.yaml that is gone: a site's own keys are not in there. */
export function sharedOf(manifest: Manifest): SharedConfiguration {
  const { config, options, tool, location, base, inputs } = manifest;
  const value = (key: string): unknown => config[key]?.value;
  const text = (key: string): string | undefined => {
    const found = value(key);
    return typeof found === "string" ? found : undefined;
  };
  const [first] = inputs;
  return {
    mode: TYKKY_MODES[tool],
    environmentName: text("env_name") ?? "env1",
    prefix: manifest.root,
    installationPath: location.mount,
    containerSource: base.source,
    sharedContainer: base.shared,
    isolate: options.isolated,
    mamba: value("mamba") === true,
    useUv: options.uv,
    wrapperPaths: options.wrapperPaths,
    environmentFile: tool === "conda" ? first?.name : undefined,
    requirementsFile: tool === "pip" ? first?.name : undefined,
    pythonVersion: options.pyver,
    configuration: Object.fromEntries(Object.entries(config).map(([key, one]) => [key, one.value])),
  };
}

/** The names that Tykky gives its files in a prefix; links of ours have them, too. */
const CONTAINER_IMAGE = "container.sif";
const IMAGE = "img.sqfs";

/**
 * The text of a generation's share/conf.yaml: a flat mapping with Tykky's keys, as PyYAML writes it (keys in order,
 * booleans as true and false, lists not indented), for scripts that grep it. Credentials in addresses are left out.
 */
export function confYaml(shared: SharedConfiguration): string {
  const known: Record<string, unknown> = {
    mode: shared.mode,
    env_name: shared.environmentName,
    installation_prefix: shared.prefix,
    installation_path: shared.installationPath,
    container_image: shared.configuration.container_image ?? CONTAINER_IMAGE,
    sqfs_image: shared.configuration.sqfs_image ?? IMAGE,
    container_src: shared.containerSource,
    share_container: shared.sharedContainer,
    isolate: shared.isolate,
    mamba: shared.mamba,
    use_uv: shared.useUv,
    wrapper_paths: [...shared.wrapperPaths],
    env_file: shared.environmentFile,
    requirements_file: shared.requirementsFile,
    pyver: shared.pythonVersion,
  };
  const all = Object.entries({ ...shared.configuration, ...known }).filter(
    ([, value]) => value !== undefined,
  );
  return yaml(Object.fromEntries(all));
}

/** What share/VERSION.yml says. */
export interface SharedVersion {
  tag: string;
  commit: string | undefined;
  /** When the generation was made. */
  built: Date;
}

/** The text of a generation's share/VERSION.yml: tag and commit of the tool, and when it built this. */
export function versionYaml({ tag, commit, built }: SharedVersion): string {
  return yaml({ tag, commit: commit ?? "unknown", "build-time": built.toISOString() });
}

function yaml(values: Record<string, unknown>): string {
  // 1.1, which PyYAML reads: texts such as "no" and "1.10" are quoted.
  return stringify(withoutSecrets(values), {
    version: "1.1",
    sortMapEntries: true,
    indentSeq: false,
    lineWidth: 0,
    aliasDuplicateObjects: false,
    singleQuote: true,
  });
}

function withoutSecrets(value: unknown): unknown {
  if (typeof value === "string") return redactSecrets(value);
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutSecrets(one)]));
}
