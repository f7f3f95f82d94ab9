import { isNode, LineCounter, parseDocument } from "yaml";
import * as z from "zod";
import { ExitCode, KapseliError } from "../errors.ts";

/** PyYAML writes a site's `no` as `false`, and a tool's own "no" as `'no'`; both are meant. */
const flag = z.union([
  z.boolean(),
  z
    .string()
    .refine((text) => /^(?:yes|no|true|false|on|off|)$/i.test(text), "expected yes or no")
    .transform((text) => /^(?:yes|true|on)$/i.test(text)),
]);
const text = z
  .union([z.string(), z.number(), z.boolean()], "expected a text")
  .transform(String)
  .refine((value) => !value.includes("\0"), "a text without NUL was expected");
/** One item may stand without a list, and nothing is an empty list. */
const list = z
  .union([z.array(text), text.transform((one) => (one === "" ? [] : [one])), z.null().transform(() => [])])
  .pipe(z.array(z.string()));
/** A file in the prefix: nothing that leads out of it. */
const fileName = text.refine(
  (name) => name !== "" && name !== "." && name !== ".." && !name.includes("/"),
  "expected the name of a file in the installation",
);

const MODES = ["conda", "venv", "wrapcont", "wrapdisk"] as const;
export type TykkyMode = (typeof MODES)[number];

/**
 * The keys of share/conf.yaml that say what an installation made by Tykky is (tykky-surface.md §4; the file is the
 * merged configuration, a flat mapping). Releases differ in which of them they write.
 */
const Conf = z.looseObject({
  // An update by an early release left conda_modify or venv_modify.
  mode: text
    .transform((mode) => mode.replace(/_modify$/, ""))
    .pipe(z.enum(MODES, `expected one of ${MODES.join(", ")}`)),
  installation_path: text.refine((path) => /^\/+[^/]/.test(path), "expected an absolute path"),
  env_name: fileName.default("env1"),
  container_image: fileName.default("container.sif"),
  sqfs_image: fileName.default("img.sqfs"),
  container_src: text.optional(),
  share_container: flag.default(false),
  isolate: flag.default(false),
  mamba: flag.default(false),
  use_uv: flag.default(false),
  add_ld: flag.optional(),
  wrap_all: flag.default(false),
  mask_wrap_install: flag.default(false),
  template_script: text.optional(),
  wrap_src: text.optional(),
  pyver: text.optional(),
  wrapper_paths: list.default([]),
  wrapper_ld_library_paths: list.default([]),
  mount_points: list.default([]),
  excluded_mount_points: list.default([]),
});

/** What an installation made by Tykky says of itself. */
export interface TykkyConf {
  mode: TykkyMode;
  /** Where its image is mounted, absolute, without a final slash. */
  installationPath: string;
  environmentName: string;
  /** Names of files in the prefix. */
  containerImage: string;
  image: string;
  containerSource: string | undefined;
  /** The container is a link to a file that several installations share. */
  sharedContainer: boolean;
  isolate: boolean;
  mamba: boolean;
  /** pip packages are installed by uv (conda), or the environment was made by uv with a Python of its own (venv). */
  useUv: boolean;
  /** undefined: the default of the mode. */
  addLd: boolean | undefined;
  wrapAll: boolean;
  /** Absolute paths inside, or relative to the install path. */
  wrapperPaths: readonly string[];
  wrapperLibraryPaths: readonly string[];
  mountPoints: readonly string[];
  excludedMountPoints: readonly string[];
  /** wrap-install: the directory that was wrapped, and whether the image is mounted over it. */
  wrapped: { source: string | undefined; masked: boolean };
  pythonVersion: string | undefined;
  /** Every key as it is in the file, for hooks and for what is looked at only here and there. */
  keys: Readonly<Record<string, unknown>>;
}

/**
 * Reads the share/conf.yaml of an installation made by Tykky.
 *
 * @param file its path, for messages
 * @throws {KapseliError} `badInput` with every error and its line.
 */
export function parseTykkyConf(file: string, content: string): TykkyConf {
  const counter = new LineCounter();
  const refuse = (messages: string[], line: number | undefined): KapseliError => {
    const [first = "it cannot be read", ...others] = messages;
    return new KapseliError(ExitCode.badInput, `the installation is damaged: ${first}`, {
      where: line === undefined ? file : `${file}:${line}`,
      others,
      hint: "Restore that file, or build the environment anew.",
    });
  };
  // PyYAML, which wrote it, is a YAML 1.1 parser: yes and no are booleans there.
  const document = parseDocument(content, { version: "1.1", lineCounter: counter, prettyErrors: false });
  const lineAt = (offset: number | undefined): number | undefined =>
    offset === undefined ? undefined : counter.linePos(offset).line;
  const [broken] = document.errors;
  if (broken) throw refuse([`not valid YAML: ${broken.message}`], lineAt(broken.pos[0]));

  let values: unknown;
  try {
    values = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw refuse([`not valid YAML: ${(error as Error).message}`], undefined);
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw refuse(["expected a mapping of configuration keys"], 1);
  }
  const parsed = Conf.safeParse(values);
  if (!parsed.success) {
    const found = parsed.error.issues.map((issue) => {
      const path = issue.path.filter((part) => typeof part !== "symbol");
      const node = document.getIn(path, true) ?? document.contents;
      const missing = path.length === 1 && !((path[0] as string) in (values as object));
      const line = missing ? undefined : lineAt(isNode(node) ? node.range?.[0] : undefined);
      return { line, text: `${path.join(".")}: ${missing ? "the key is missing" : issue.message}` };
    });
    const [first] = found;
    const others = found
      .slice(1)
      .map((one) => (one.line === undefined ? one.text : `line ${one.line}: ${one.text}`));
    throw refuse([first?.text ?? "", ...others], first?.line);
  }
  return confOf(parsed.data, values as Record<string, unknown>);
}

function confOf(conf: z.infer<typeof Conf>, keys: Record<string, unknown>): TykkyConf {
  return {
    mode: conf.mode,
    installationPath: conf.installation_path.replace(/\/+/g, "/").replace(/(?<=.)\/$/, ""),
    environmentName: conf.env_name,
    containerImage: conf.container_image,
    image: conf.sqfs_image,
    containerSource: conf.container_src,
    sharedContainer: conf.share_container,
    isolate: conf.isolate,
    mamba: conf.mamba,
    useUv: conf.use_uv || conf.template_script === "uvenv.sh",
    addLd: conf.add_ld,
    wrapAll: conf.wrap_all,
    wrapperPaths: conf.wrapper_paths,
    wrapperLibraryPaths: conf.wrapper_ld_library_paths,
    mountPoints: conf.mount_points,
    excludedMountPoints: conf.excluded_mount_points,
    wrapped: { source: conf.wrap_src, masked: conf.mask_wrap_install },
    pythonVersion: conf.pyver,
    keys,
  };
}

/** Names of the directory with conda in an image: of every release, and of releases up to 0.3. */
const CONDA_DIRECTORIES = ["miniforge", "miniconda"] as const;

/**
 * Where an installation's environment may be in its image, relative to the image's root, the likeliest first.
 * wrap-container has no image; wrap-install's is the directory that was wrapped.
 *
 * @param linkTargets where links of `_bin` lead, absolute inside
 */
export function environmentDirectories(conf: TykkyConf, linkTargets: readonly string[]): string[] {
  if (conf.mode === "wrapcont") return [];
  if (conf.mode === "wrapdisk") return [""];
  if (conf.mode === "venv") return [conf.environmentName];
  const candidates = CONDA_DIRECTORIES.map((directory) => `${directory}/envs/${conf.environmentName}`);
  const linked = (candidate: string): boolean =>
    linkTargets.some((target) => target.startsWith(`${conf.installationPath}/${candidate}/`));
  return [...candidates.filter(linked), ...candidates.filter((candidate) => !linked(candidate))];
}
