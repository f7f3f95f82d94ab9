import { unwrap } from "../build/unwrap.ts";
import { hostFacts } from "../host/facts.ts";
import { withInterruption } from "../host/signals.ts";
import { readConfig } from "./read-config.ts";
import { chooseReport, logLevel } from "./reporting.ts";

/** Gives a directory back and says how. */
export async function unwrapCommand(directory: string, json: boolean): Promise<void> {
  const facts = hostFacts(process.env, process.cwd());
  const { config } = await readConfig({}, facts);
  const { report, end } = chooseReport({ json }, logLevel(config.log_level.value, false));
  try {
    const runtimePath = config.singularity_executable_path.value;
    const done = await withInterruption((signal) =>
      unwrap({ report, signal, facts, runtimePath }, directory),
    );
    end();
    if (json) {
      process.stdout.write(`${JSON.stringify({ event: "result", ...done })}\n`);
      return;
    }
    const how = done.original ? "the original is back" : "its files are back, unpacked from the image";
    const left =
      done.left === undefined ? "" : `\n         the original from before its updates is in ${done.left}`;
    process.stdout.write(`[ INFO ] ${done.directory}: ${how}${left}\n`);
  } finally {
    end();
  }
}
