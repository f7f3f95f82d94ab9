import { ExitCode, KapseliError } from "../errors.ts";
import type { Advice } from "../plan/host-advice.ts";

/** One thing that a build needs, and how it is here. */
export interface DoctorCheck {
  /** For scripts. */
  id: string;
  /** What was looked at, for people. */
  title: string;
  /** `problem`: builds do not work so. `warning`: they do, slower, not always, or not all of them. */
  state: "ok" | "warning" | "problem";
  /** What was found. */
  detail: string;
  /** What to do about it; there wherever the state is not ok. */
  advice?: string;
}

/** An advice as a check of its own. */
export function adviceChecks(id: string, title: string, advice: readonly Advice[]): DoctorCheck[] {
  return advice.map(({ severity, message, hint }) => ({
    id,
    title,
    state: severity === "refuse" ? "problem" : "warning",
    detail: message,
    advice: hint,
  }));
}

/** An error as a check that is a problem. */
export function failedCheck(id: string, title: string, error: unknown): DoctorCheck {
  if (!(error instanceof KapseliError) || error.code === ExitCode.unexpected) throw error;
  const { hint, lines } = error.details;
  const said = lines && lines.length > 0 ? ` (${lines.slice(-3).join(" | ")})` : "";
  return {
    id,
    title,
    state: "problem",
    detail: `${error.message}${said}`,
    advice: hint ?? "Ask the administrator.",
  };
}
