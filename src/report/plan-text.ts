import type { Plan } from "../plan/plan.ts";
import { redactSecrets } from "../tools/redact.ts";

/** Quotes a word so that the line can be read, and pasted into a shell. */
function shown(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A plan for people: what was decided, then each step with its commands. */
export function planText(plan: Plan): string {
  const { placement, base, engine, trial, runtime } = plan;
  const lines = [
    `prefix        ${placement.prefix}`,
    ...(placement.linkedBin
      ? [`environment   ${placement.root} (the prefix holds other files; bin is linked)`]
      : []),
    `generation    ${placement.generation}`,
    `base          ${base.source}`,
    `engine        ${engine.engine} (${engine.why})`,
    `runtime       ${[runtime.path, runtime.version].join(" ").trim()}`,
    `image         ${trial.compression}, mounted by ${trial.way.way} (both are found out by a trial when it is built)`,
    `processors    ${plan.processors}`,
    `builds in     ${plan.workDirectory}`,
    "",
  ];
  for (const [index, step] of plan.steps.entries()) {
    lines.push(`${index + 1}. ${step.title}`);
    for (const file of step.files) lines.push(`   write ${shown(file.path)}`);
    for (const command of step.commands)
      lines.push(`   ${command.purpose}:`, `     ${command.argv.map(shown).join(" ")}`);
  }
  return redactSecrets(`${lines.join("\n")}\n`);
}

/** A plan as one JSON text; files' bytes as text, secrets replaced. */
export function planJson(plan: Plan): string {
  const redacted = (_key: string, value: unknown): unknown =>
    typeof value === "string" ? redactSecrets(value) : value;
  const steps = plan.steps.map((step) => ({
    ...step,
    files: step.files.map(({ content, ...file }) => ({
      ...file,
      content: typeof content === "string" ? content : new TextDecoder().decode(content),
    })),
  }));
  return JSON.stringify({ event: "plan", plan: { ...plan, steps } }, redacted);
}
