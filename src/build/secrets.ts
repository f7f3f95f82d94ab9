import { KapseliError } from "../errors.ts";
import type { BuildEvent, Report } from "../report/events.ts";
import { hiderOf, redactTexts, secretValues } from "../tools/redact.ts";

/** Keeps the secrets of the caller's environment out of what a build says, whichever program says them. */
export interface Secrets {
  report(report: Report): Report;
  /** The error without them. One that was not expected is returned as it is. */
  error(error: unknown): unknown;
  text(text: string): string;
}

export function secretsOf(environment: Readonly<Record<string, string>>): Secrets {
  const values = secretValues(environment);
  const text = hiderOf(values);
  if (values.length === 0) return { report: (report) => report, error: (error) => error, text };
  return {
    text,
    report: (report) => (event) => {
      const names = { event: event.event, ...("step" in event ? { step: event.step } : {}) };
      report({ ...(redactTexts(event, text) as BuildEvent), ...names } as BuildEvent);
    },
    error(error) {
      if (!(error instanceof KapseliError)) return error;
      const { cause, ...details } = error.details;
      const shown = redactTexts(details, text) as typeof details;
      return new KapseliError(error.code, text(error.message), { ...shown, ...(cause ? { cause } : {}) });
    },
  };
}
