import { posix } from "node:path";
import { parse } from "yaml";

/**
 * Where conda looks for a user's own settings, the strongest first (conda's documentation, "Using the .condarc conda
 * configuration file"; mamba reads `~/.mambarc` besides).
 */
export function condarcPaths(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
): string[] {
  const named = [environment.CONDARC, environment.MAMBARC].flatMap((path) => path || []);
  const config = environment.XDG_CONFIG_HOME || posix.join(home, ".config");
  return [
    ...named,
    posix.join(home, ".mambarc"),
    posix.join(home, ".condarc"),
    posix.join(home, ".conda", ".condarc"),
    posix.join(home, ".conda", "condarc"),
    posix.join(config, "conda", ".condarc"),
    posix.join(config, "conda", "condarc"),
  ];
}

/**
 * The directories in which a user's conda keeps packages, the one that is written to first: `CONDA_PKGS_DIRS`, then
 * the `pkgs_dirs` of the files. `~` and variables in them are replaced, as conda does. Pure.
 *
 * @param texts the files' contents, the strongest first; what is no YAML says nothing
 * @returns absolute paths; empty where nothing is set
 */
export function packageDirectories(
  environment: Readonly<Record<string, string | undefined>>,
  home: string,
  texts: readonly string[],
): string[] {
  const fromVariable = (environment.CONDA_PKGS_DIRS ?? "").split(",");
  const fromFiles = texts.flatMap((text) => {
    try {
      const value = (parse(text) as { pkgs_dirs?: unknown } | null)?.pkgs_dirs;
      return Array.isArray(value) ? value.map(String) : typeof value === "string" ? [value] : [];
    } catch {
      return [];
    }
  });
  const replaced = [...fromVariable, ...fromFiles].map((path) =>
    path
      .trim()
      .replace(/^~(?=\/|$)/, home)
      .replace(/\$\{(\w+)\}|\$(\w+)/g, (_, braced, plain) => environment[braced ?? plain] ?? ""),
  );
  return [...new Set(replaced.filter((path) => path.startsWith("/")))];
}
