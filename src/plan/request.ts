import type { CondaEnvironment } from "../inputs/environment-yml.ts";
import type { ExplicitList } from "../inputs/explicit-list.ts";
import type { Requirements } from "../inputs/requirements.ts";
import type { SpecList } from "../inputs/spec-list.ts";
import type { ExtraVariable } from "../prefix/variable-lines.ts";
import type { CompressionLevel } from "../tools/mksquashfs.ts";
import type { Location } from "./location.ts";

/** What an input file means. */
export type InputValue =
  | { format: "environment-yml"; value: CondaEnvironment }
  | { format: "explicit"; value: ExplicitList }
  | { format: "spec-list"; value: SpecList }
  | { format: "requirements"; value: Requirements };

/** The input file as it was read, once. */
export interface Input {
  /** Absolute path. */
  path: string;
  /** False for a pipe (`<(…)`), which cannot be read again. */
  regular: boolean;
  bytes: Uint8Array;
  content: InputValue;
  included: readonly IncludedFile[];
  /** Of a lock: all packages with their versions, those that have hashes and those that have none. */
  locked?: { hashed: readonly string[]; unhashed: readonly string[] };
}

/** A file that the input includes (`-r`, `-c`), carried along into the generation. */
export interface IncludedFile {
  /** Its name below its directory in the generation's inputs/, relative, without `..`. */
  name: string;
  bytes: Uint8Array;
}

/** A script of the user's: a file, or a line of the configuration. */
export interface HookScript {
  /** How messages name it: the path as given, or a key of the configuration such as `post_install[2]`. */
  shown: string;
  /** Where a line of a configuration file stands. */
  place?: { file: string; line: number };
  text: Uint8Array | string;
}

/** What the image holds: an environment, a directory that was there already, or nothing besides a container. */
export type Tool = "conda" | "pip" | "directory" | "container";

/** Whether the tool installs an environment, with a Python's or conda's own directories. */
export function isEnvironment(tool: Tool): tool is "conda" | "pip" {
  return tool === "conda" || tool === "pip";
}

/** How an environment is installed; remembered for its updates. */
export interface EnvironmentOptions {
  /** pip: uv installs; conda: uv installs what pip would. */
  uv: boolean;
  /** The Python that uv is to take or get. */
  pyver?: string;
  /** The venv sees the packages of the Python it was made with, and the user's own. */
  systemSitePackages: boolean;
  /** Installers keep no cache. */
  nocache: boolean;
  /** What besides ROOT/bin is to be callable: directories or files, below the mount or absolute inside. */
  wrapperPaths: readonly string[];
  /** Text that bash sources before each start. */
  environ?: string;
  /** Variables that are set at each start. */
  extra: readonly ExtraVariable[];
  /** Directories for LD_LIBRARY_PATH at each start. */
  libraries: readonly string[];
  /** How the image is compressed; absent means `default`. */
  compress?: CompressionLevel;
  /** The user's part of the last five, without what a site's file adds: remembered for updates. */
  own: {
    wrapperPaths: readonly string[];
    extra: readonly ExtraVariable[];
    libraries: readonly string[];
    environ?: string;
    compress?: CompressionLevel;
  };
  /** Only the configured mount points of the host are seen inside. */
  isolated: boolean;
}

/** The environment that an update begins with. */
export interface Origin {
  /** The image to change. */
  image: string;
  /** Of the image, where it was recorded. */
  sha256?: string;
  /** Where its files believe to be. */
  location: Location;
  /** Names in its bin that were made for `wrapperPaths`, not by a package. */
  wrapperLinks: readonly string[];
  /** The text of its environment.lock, where that is as it was written. */
  lock?: string;
  /** The conda channels that it was made from, without credentials. */
  channels?: readonly string[];
  /** Directories of earlier inputs, one for each build, the oldest first. */
  inputs: readonly string[];
  /** It was wrapped where it was. */
  inPlace?: boolean;
  /** An installation of another tool that becomes one of ours, and its files in the prefix. */
  converts?: {
    tool: "Tykky";
    files: readonly string[];
    /** A venv's configuration, where it lies in the prefix instead of in the image. */
    venvConfiguration?: string;
  };
}

/** What a command line asks for. */
export interface BuildRequest {
  tool: Tool;
  /** The prefix asked for, absolute and physical. */
  prefix: string;
  /** What to install; absent on an update without a file and where nothing is installed. */
  input?: Input;
  /** conda: a requirements file to install besides. */
  requirements?: Input;
  options: EnvironmentOptions;
  /** Files that are there by their names, in the image's root, until everything is installed. */
  files?: readonly IncludedFile[];
  hooks: { pre: readonly HookScript[]; post: readonly HookScript[] };
  /** An environment that is there becomes ours where it is; `compile`: what of its Python is not compiled is first. */
  inPlace?: { directory: string; compile: boolean };
  /** The image is to be mounted at a path that no host has. */
  portable: boolean;
  /** An update's beginning. */
  origin?: Origin;
  /** What is installed is what another build of these inputs came to: directories, one for each build, the oldest first. */
  earlierInputs?: readonly string[];
  /** The directory that `wrap-install` packs, physical. */
  wrap?: { directory: string; masked: boolean };
}
