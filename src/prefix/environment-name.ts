/** An environment, or one generation of it, as it is named on a command line. */
export interface EnvironmentName {
  /** The path as it was given. */
  directory: string;
  /** A number, the one before the current one, or the current one. */
  generation: number | "previous" | "current";
}

/** Reads `ENV`, `ENV@2`, `ENV@previous` and `ENV@current`. */
export function parseEnvironmentName(text: string): EnvironmentName {
  const [, directory, word] = /^(.+)@([1-9]\d{0,8}|previous|current)$/s.exec(text) ?? [];
  if (directory === undefined || word === undefined) return { directory: text, generation: "current" };
  if (word === "previous" || word === "current") return { directory, generation: word };
  return { directory, generation: Number(word) };
}
