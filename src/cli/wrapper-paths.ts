import { ExitCode, KapseliError } from "../errors.ts";

/** The tools that make commands only of what `-w` names, with what to do where it names nothing. */
const HINTS = {
  "wrap-container":
    "Name the directories inside the container whose programs should become commands: -w /usr/local/bin",
  "wrap-install": "Name the directories in it whose programs should become commands: -w bin",
} as const;

/**
 * Checks that `-w`, or the configuration's `wrapper_paths`, names something.
 *
 * @throws {KapseliError} `badInput`
 */
export function requireWrapperPaths(
  paths: readonly string[] | undefined,
  tool: keyof typeof HINTS,
): asserts paths is readonly string[] {
  if (paths !== undefined && paths.length > 0) return;
  throw new KapseliError(ExitCode.badInput, `${tool} requires -w/--wrapper-paths`, { hint: HINTS[tool] });
}

/**
 * Checks that each path is one inside a container, which has no directory that others could begin at.
 *
 * @throws {KapseliError} `badInput` with every one that is not.
 */
export function requireAbsolutePaths(paths: readonly string[]): void {
  const [first, ...others] = paths
    .filter((path) => !path.startsWith("/"))
    .map((path) => `${JSON.stringify(path)} is not one`);
  if (first === undefined) return;
  throw new KapseliError(
    ExitCode.badInput,
    `Only absolute paths are accepted for --wrapper-paths/-w: ${first}`,
    { others, hint: "Write the path as it is inside the container, from / on." },
  );
}
