/** What reading a file needs to know besides the file; the readers themselves do no I/O. */
export interface ReadContext {
  /**
   * The bytes of a file that the input names, or undefined when it is not there or no ordinary file.
   * @param path relative to the directory of the input file, with `/`; absolute where the input says so
   */
  readBeside(path: string): Uint8Array | undefined;
  /** Whether something lies there; asked for package archives, which are not worth reading. Default: by reading. */
  existsBeside?(path: string): boolean;
  /** The environment variables that the installer will see; pip expands `${NAME}` in requirements files. */
  env: Readonly<Record<string, string | undefined>>;
  /** The conda subdir that the environment is for. Default: `linux-64`. */
  platform?: string;
}

export const DEFAULT_PLATFORM = "linux-64";

/** Whether a path that an input names is there. */
export function exists(context: ReadContext, path: string): boolean {
  return context.existsBeside ? context.existsBeside(path) : context.readBeside(path) !== undefined;
}

/** Whether a directory is a Python project that pip can install. Source: pip, `is_installable_dir`. */
export function isPythonProject(context: ReadContext, directory: string): boolean {
  const base = directory === "" || directory === "." ? "" : `${directory.replace(/\/+$/, "")}/`;
  return exists(context, `${base}pyproject.toml`) || exists(context, `${base}setup.py`);
}
