// Says what is about to change on this machine, asks where somebody can answer, and has host-setup.sh do it.
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { run } from "./process.mjs";

const HOST_SETUP = fileURLToPath(new URL("host-setup.sh", import.meta.url));

/** What host-setup.sh would change for its `parts`, a line each. */
async function changes(parts) {
  const { code, text } = await run(["sh", HOST_SETUP, "--describe", ...parts], { output: "pipe" });
  if (code !== 0) process.exit(code);
  return text.split("\n").filter(Boolean);
}

/**
 * Announces the changes to the machine and to the user's own files, and asks on a terminal.
 *
 * @param {string} name the command that announces
 * @param {{parts: string[], own: string[], yes: boolean}} what parts of host-setup.sh; files of the user's that will be made
 */
export async function announce(name, { parts, own, yes }) {
  const machine = parts.length > 0 ? await changes(parts) : [];
  const line = (text) => `  - ${text}`;
  console.log(
    machine.length > 0
      ? `${name} will change on this machine:\n${machine.map(line).join("\n")}`
      : `${name} installs nothing on this machine.`,
  );
  console.log(`It will write files of yours:\n${own.map(line).join("\n")}`);
  if (machine.length === 0 || yes || !process.stdin.isTTY || !process.stdout.isTTY) return;
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  const stopped = new Promise((resolve) => prompt.on("close", () => resolve("no")));
  const answer = await Promise.race([prompt.question("Go ahead? [y/N] "), stopped]);
  prompt.close();
  if (/^y(es)?$/i.test(answer.trim())) return;
  console.log("Nothing was changed.");
  process.exit(1);
}

/** Sets up the parts of the machine that are missing. Returns host-setup.sh's exit code: 4 where this user may not. */
export async function setUp(parts) {
  return run(["sh", HOST_SETUP, ...parts]);
}
