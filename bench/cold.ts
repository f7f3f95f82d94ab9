import { runCommand } from "./rounds.ts";
import type { Setting } from "./setting.ts";

/**
 * Takes a file's content out of the page cache, as an ordinary user can: dd asks the kernel to drop what is clean
 * (posix_fadvise, POSIX_FADV_DONTNEED). What the file system or its servers cache besides stays.
 */
export function evict(setting: Setting, file: string): void {
  const argv = ["dd", `if=${file}`, "iflag=nocache", "count=0", "status=none"] as const;
  runCommand(setting.user, { argv: [...argv], env: setting.env, cwd: "/" });
}
