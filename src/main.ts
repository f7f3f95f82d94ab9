import { runTool } from "./cli/run-tool.ts";

/** Entry of the executables in bin/. */
export async function main(tool: string): Promise<void> {
  process.exitCode = await runTool(tool, process.argv.slice(2));
}
