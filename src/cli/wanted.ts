/** What every command that makes or changes an environment may be asked for. Paths are as the user wrote them. */
export interface CommonWanted {
  /** Where to install; without it, the configuration's installation_prefix. */
  prefix?: string;
  /** A script to run before the installation, in the container. */
  preInstall?: string;
  /** A script to run after the installation, in the container. */
  postInstall?: string;
  /** A script to source on the host before each launch. */
  environ?: string;
  /** Directories or files whose programs get launchers; none of the items is empty. */
  wrapperPaths?: readonly string[];
  /** A base as --base takes it. */
  base?: string;
  /** How the image is compressed: fast, default or small. */
  compress?: string;
  /** Build below this directory. */
  tmpdir?: string;
  dryRun: boolean;
  json: boolean;
  debug: boolean;
  /** Mount the image at a neutral path. */
  portable: boolean;
}

/** What a command line asks for: the options of one command, checked for what can be known without the host. */
export type Wanted = CommonWanted &
  (
    | {
        command: "conda-new";
        envFile: string;
        requirements?: string;
        mamba: boolean;
        /** Only ever together with `mamba`. */
        uv: boolean;
        nocache: boolean;
        engine?: string;
      }
    | {
        command: "conda-update";
        directory: string;
        requirements?: string;
        nocache: boolean;
        removeWrapperPaths: readonly string[];
      }
    | {
        command: "pip-new";
        requirements: string;
        /** At most one of `uv` and `slim`. */
        uv: boolean;
        slim: boolean;
        /** Only ever together with `uv` or `slim`. */
        pyver?: string;
        systemSitePackages: boolean;
        nocache: boolean;
      }
    | {
        command: "pip-update";
        directory: string;
        requirements?: string;
        nocache: boolean;
        removeWrapperPaths: readonly string[];
      }
    | { command: "advanced"; tool: "conda" | "pip"; yaml: string }
    | { command: "relocate"; directory: string }
    /** `from`: an environment, or a lock file. */
    | { command: "rebuild"; from: string; generation?: number }
    | { command: "wrap-container"; container: string; yaml?: string }
    | {
        command: "wrap-install";
        directory: string;
        mask: boolean;
        /** DIR itself becomes the environment; never together with `mask` or `prefix`. */
        inPlace: boolean;
        /** In place: what of its Python is not compiled is compiled first. */
        compile: boolean;
        yaml?: string;
      }
  );

/**
 * Does what a command line asks for.
 *
 * @throws {KapseliError} for everything that can go wrong.
 */
export type CarryOut = (wanted: Wanted) => Promise<void>;
