import holdTemplate from "../templates/hold.sh";
import startTemplate from "../templates/start-holder.sh";
import stepTemplate from "../templates/warm-step.sh";
import { shellAssignments } from "./shell-data.ts";

/**
 * The text that a launcher sources in a Slurm job step with several tasks on a node.
 *
 * @param runtimeVersion what the runtime, with which it was proven, says to `--version`: one line.
 */
export function renderWarmStep(runtimeVersion: string): string {
  const data = shellAssignments({
    __k_runtime_version: runtimeVersion,
    __k_hold_text: holdTemplate,
    __k_start_holder: startTemplate,
  });
  return data + stepTemplate;
}
