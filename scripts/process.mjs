// Runs the programs that ./quickstart and ./check consist of.
import { spawn } from "node:child_process";

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Turns `signal` (or none) and `code` of an ended process into a shell's exit code. */
const exitCode = (code, signal) => code ?? SIGNALS[signal] ?? 1;

/**
 * Runs a program until it ends. A signal that reaches us ends it first; then `run` exits as a shell would.
 *
 * @param {readonly string[]} argv
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, output?: number | "pipe", quiet?: boolean}} options
 * output: a file descriptor for stdout and stderr (the program then has its own process group and no terminal),
 * `pipe` for stdout as text in the result; left out, everything is the terminal's. quiet: no stderr.
 * @returns {Promise<{code: number, seconds: number, text: string}>} code 127 when it could not be started.
 */
export function run(argv, { cwd, env, output, quiet = false } = {}) {
  const [file, ...args] = argv;
  const start = performance.now();
  const apart = typeof output === "number";
  const stdio = apart
    ? ["ignore", output, output]
    : ["inherit", output ?? "inherit", quiet ? "ignore" : "inherit"];
  return new Promise((done) => {
    const child = spawn(file, args, { cwd, env: env ?? process.env, stdio, detached: apart });
    let interruption;
    const stop = (signal) => {
      interruption = signal;
      // A terminal has sent its own SIGINT to the child already.
      if (apart) process.kill(-child.pid, "SIGTERM");
      else if (signal !== "SIGINT") child.kill(signal);
    };
    for (const signal of Object.keys(SIGNALS)) process.on(signal, stop);
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (part) => {
      text += part;
    });
    const end = (code) => {
      for (const signal of Object.keys(SIGNALS)) process.off(signal, stop);
      if (interruption) process.exit(SIGNALS[interruption]);
      done({ code, seconds: (performance.now() - start) / 1000, text });
    };
    child.on("error", (error) => {
      if (!quiet) process.stderr.write(`${file}: ${error.message}\n`);
      end(127);
    });
    child.on("close", (code, signal) => end(exitCode(code, signal)));
  });
}
