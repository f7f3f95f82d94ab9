import { release } from "node:os";
import { readFile } from "../host/files.ts";
import { hostLimits } from "../host/host-limits.ts";
import { bytesText, hangingAdvice, limitAdvice } from "../plan/host-advice.ts";
import { redactTexts } from "../tools/redact.ts";
import { SOURCE, VERSION } from "../version.ts";
import type { BuildContext } from "./context.ts";
import { adviceChecks, type DoctorCheck } from "./doctor-check.ts";
import { networkChecks } from "./doctor-network.ts";
import { placeChecks } from "./doctor-places.ts";
import { runtimeChecks } from "./doctor-runtime.ts";
import { engineChecks, toolChecks } from "./doctor-tools.ts";

/** The form of what `kapseli doctor --json` prints. */
export const DOCTOR_SCHEMA = "kapseli.doctor/1";

/** What `kapseli doctor --json` prints. */
export interface DoctorReport {
  schema: typeof DOCTOR_SCHEMA;
  kapseli: string;
  source: { tag: string; commit: string | null };
  node: string;
  system: { name: string; kernel: string; architecture: string };
  /** No check is a problem. */
  ok: boolean;
  checks: readonly DoctorCheck[];
}

/** @returns the name and version of the distribution; man 5 os-release. */
async function systemName(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] || "Linux";
}

function limitChecks({ facts, config }: BuildContext): DoctorCheck[] {
  const limits = hostLimits();
  const memory = limits.memory?.bytes ?? limits.totalMemory;
  const bad = adviceChecks("limits", "limits of this session", limitAdvice(limits));
  const detail = `${facts.processors} processor${facts.processors === 1 ? "" : "s"}, ${bytesText(memory)} of memory`;
  const fine: DoctorCheck = { id: "limits", title: "limits of this session", state: "ok", detail };
  const hanging = hangingAdvice(facts.hanging, config.excluded_mount_points.value);
  const directories: DoctorCheck = {
    id: "directories",
    title: "directories below /",
    state: "ok",
    detail: `${facts.topLevel.length}, and each answers`,
  };
  return [
    ...(bad.length > 0 ? bad : [fine]),
    ...(hanging.length > 0 ? adviceChecks("directories", "directories below /", hanging) : [directories]),
  ];
}

/** Nothing of what is reported tells who asked: homes are `~`, and secrets are taken out. */
function anonymous(text: string, home: string): string {
  return home.length > 1 ? text.replaceAll(home, "~") : text;
}

/**
 * Tries everything that a build needs on this host, for real, changing nothing but in a work directory that is removed.
 *
 * @param prefix where something is to be built, absolute
 */
export async function doctor(context: BuildContext, prefix: string): Promise<DoctorReport> {
  // The others tell what is missing while the trial waits for a runtime.
  const parts = await Promise.all([
    runtimeChecks(context),
    toolChecks(context),
    Promise.resolve(limitChecks(context)),
    placeChecks(context, prefix),
    engineChecks(context),
    networkChecks(context),
  ]);
  const { home } = context.facts;
  const checks = (redactTexts(parts.flat()) as DoctorCheck[]).map((check) => ({
    ...check,
    detail: anonymous(check.detail, home),
    ...(check.advice === undefined ? {} : { advice: anonymous(check.advice, home) }),
  }));
  return {
    schema: DOCTOR_SCHEMA,
    kapseli: VERSION,
    source: { tag: SOURCE.tag, commit: SOURCE.commit ?? null },
    node: process.version,
    system: { name: await systemName(), kernel: release(), architecture: context.facts.architecture },
    ok: !checks.some(({ state }) => state === "problem"),
    checks,
  };
}
