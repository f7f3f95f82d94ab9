/** How variables get into a launcher: one line of shell each, in which only named variables are ever expanded. */
import type { EnvironmentChange } from "./activation.ts";
import { isVariableName, shellQuote } from "./shell-data.ts";

/** A variable that the configuration sets for every start (`extra_envs`). */
export interface ExtraVariable {
  name: string;
  /** `$NAME` and `${NAME}` are the caller's variables at run time; everything else is plain text. */
  value: string;
  /** `append` and `prepend` join with a colon. */
  type: "set" | "append" | "prepend";
}

/**
 * What the launcher puts together itself for the inside (PATH, LD_LIBRARY_PATH), by the shell variables in which it
 * does so. The runtime does not take them from the caller's environment.
 */
const PUT_TOGETHER: Readonly<Record<string, string>> = { PATH: "__k_path", LD_LIBRARY_PATH: "__k_libraries" };

/** Names that an extra variable cannot have an effect by; `SINGULARITYENV_` with the name has. */
export const WITHOUT_EFFECT: readonly string[] = Object.keys(PUT_TOGETHER);

function checkName(name: string): void {
  if (!isVariableName(name) || name.startsWith("__k_")) {
    throw new RangeError(`${JSON.stringify(name)} is no shell variable name that can be set`);
  }
}

/**
 * The line that repeats one recorded change.
 *
 * @throws {RangeError} for a name that no shell variable can have.
 */
export function environmentLine(change: EnvironmentChange): string {
  checkName(change.name);
  const own = PUT_TOGETHER[change.name];
  const [name, begin] = own === undefined ? [change.name, "export "] : [own, ""];
  switch (change.change) {
    case "set":
      return `  ${begin}${name}=${shellQuote(change.value)}\n`;
    case "prepend":
      return `  ${begin}${name}=${shellQuote(change.value)}"\${${name}:+:$${name}}"\n`;
    case "append":
      return `  ${begin}${name}="\${${name}:+$${name}:}"${shellQuote(change.value)}\n`;
    case "default":
      return own === undefined
        ? `  [ -n "\${${name}+set}" ] || export ${name}=${shellQuote(change.value)}\n`
        : `  [ -n "$${name}" ] || ${name}=${shellQuote(change.value)}\n`;
    case "unset":
      return own === undefined ? `  unset ${name}\n` : `  ${name}=\n`;
  }
}

/** A value in which `$NAME` and `${NAME}` are expanded, and nothing else. */
function expandedValue(value: string): string {
  return value
    .split(/(\$[A-Za-z_][A-Za-z0-9_]*|\$\{[A-Za-z_][A-Za-z0-9_]*\})/)
    .map((piece, index) => (index % 2 === 1 ? `"\${${piece.replace(/[${}]/g, "")}-}"` : shellQuote(piece)))
    .filter((piece) => piece !== "''")
    .join("");
}

/**
 * The lines for a variable of the configuration; none for names without effect. One of a runtime family's
 * (`SINGULARITYENV_X`, `APPTAINERENV_X`) is set in both, because one would win over the other.
 *
 * @throws {RangeError} for a name that no shell variable can have.
 */
export function extraVariableLine(variable: ExtraVariable): string {
  checkName(variable.name);
  if (WITHOUT_EFFECT.includes(variable.name)) return "";
  const inside = /^(?:SINGULARITY|APPTAINER)ENV_(.+)$/.exec(variable.name)?.[1];
  const name = inside === undefined ? variable.name : `SINGULARITYENV_${inside}`;
  const value = expandedValue(variable.value);
  const twin = inside === undefined ? "" : `  export APPTAINERENV_${inside}="$${name}"\n`;
  switch (variable.type) {
    case "set":
      return `  export ${name}=${value}\n${twin}`;
    case "prepend":
      return `  export ${name}=${value}"\${${name}:+:$${name}}"\n${twin}`;
    case "append":
      return `  export ${name}="\${${name}:+$${name}:}"${value}\n${twin}`;
  }
}
