import { createInterface } from "node:readline/promises";
import { ExitCode, KapseliError } from "../errors.ts";

/**
 * Asks a question that only yes or no answers; no is what Enter means.
 *
 * @param yes `--yes` was given: nobody is asked
 * @param about what is shown before
 * @throws {KapseliError} `usage` where there is nobody to ask.
 */
export async function confirm(question: string, yes: boolean, about = ""): Promise<boolean> {
  if (yes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new KapseliError(ExitCode.usage, `nobody is there to ask: ${question}`, {
      hint: "Give --yes to have it done.",
    });
  }
  process.stderr.write(about);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-D is no.
    const closed = new Promise<string>((done) => lines.once("close", () => done("")));
    const answer = await Promise.race([lines.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
