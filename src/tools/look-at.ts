import lookAt from "../templates/look-at.sh";

/** The words that look at directories, each in a process of its own. */
export function lookAtArgv(paths: readonly string[]): [string, ...string[]] {
  return ["/bin/sh", "-c", lookAt, "sh", ...paths];
}

/** What was found of the directories, in their order. */
export function parseLook(paths: readonly string[], printed: string): ("yes" | "no" | "hangs")[] {
  const answers = new Map<number, "yes" | "no">();
  for (const [, number, answer] of printed.matchAll(/^(\d+) (yes|no)$/gm)) {
    answers.set(Number(number), answer as "yes" | "no");
  }
  return paths.map((_, index) => answers.get(index + 1) ?? "hangs");
}
