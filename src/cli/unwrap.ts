import { unwrap } from "../build/unwrap.ts";
import { hostFacts } from "../host/facts.ts";
import { withInterruption } from "../host/signals.ts";
import { objectText } from "../report/objects.ts";
import { readConfig } from "./read-config.ts";
import { chooseReport, logLevel } from "./reporting.ts";

/** Names of files for people: a few, so that none can pass for a line of ours. */
function named(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => (/^[\w./+@-]+$/.test(name) ? name : JSON.stringify(name)));
  return [...shown, ...(names.length > 10 ? [`and ${names.length - 10} more`] : [])].join(", ");
}

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
      const { left = null, kept = null } = done;
      process.stdout.write(objectText("unwrap", { event: "result", ...done, left, kept }));
      return;
    }
    const how = done.original ? "the original is back" : "its files are back, unpacked from the image";
    const left =
      done.left === undefined ? "" : `\n         the original from before its updates is in ${done.left}`;
    const { carried, kept } = done;
    const also =
      carried.length === 0 ? "" : `\n         what was put into it meanwhile is in it: ${named(carried)}`;
    process.stdout.write(`[ INFO ] ${done.directory}: ${how}${left}${also}\n`);
    if (kept) {
      const why = "the directory has its own of that name, or they could not be moved";
      const message = `kept in ${kept.directory}: ${named(kept.names)} (${why})`;
      process.stderr.write(`[ WARNING ] ${message}\n`);
    }
  } finally {
    end();
  }
}
