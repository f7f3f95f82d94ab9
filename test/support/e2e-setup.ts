import { installTool, makeChannel } from "./real.ts";

/** Once before all end-to-end suites. */
export function setup(): void {
  installTool();
  makeChannel();
}
