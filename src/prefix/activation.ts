/** What activating an environment did to one variable, in a form that holds for any caller's environment. */
export type EnvironmentChange =
  | { name: string; change: "set" | "prepend" | "append" | "default"; value: string }
  | { name: string; change: "unset" };

type Variables = ReadonlyMap<string, string>;

/** What is recorded elsewhere or belongs to the shell that did the activation. */
const NOT_RECORDED = new Set([
  "PATH",
  "PWD",
  "OLDPWD",
  "SHLVL",
  "_",
  "HOME",
  "TMPDIR",
  "SHELLOPTS",
  "BASHOPTS",
  "PS1",
  "PROMPT_COMMAND",
]);
/** `__k_` is how the launcher's own variables begin. */
const RUNTIME_VARIABLE = /^(SINGULARITY|APPTAINER|KAPSELI)(ENV)?_|^BASH_FUNC_|^__k_/;

/** Whether a launcher can set a variable of this name for its program. */
export function isRecorded(name: string): boolean {
  return !NOT_RECORDED.has(name) && !RUNTIME_VARIABLE.test(name);
}

/** The variables of `env -0` output; the last of equal names wins, as in execve. */
export function parseEnvironment(nulSeparated: string): Map<string, string> {
  const variables = new Map<string, string>();
  for (const entry of nulSeparated.split("\0")) {
    const equals = entry.indexOf("=");
    if (equals > 0) variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return variables;
}

/** The names that activation set to something new, in a form that a second run can probe with sentinels. */
export function changedNames(before: Variables, after: Variables): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names]
    .filter(isRecorded)
    .filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    .filter((name) => before.get(name) !== after.get(name))
    .sort();
}

/** What activation changes where no script and no variable has a part in it (templates/capture-activation.sh). */
export function activationWithoutScripts(root: string): EnvironmentChange[] {
  const set = (name: string, value: string): EnvironmentChange => ({ name, change: "set", value });
  return [set("CONDA_DEFAULT_ENV", root), set("CONDA_PREFIX", root), set("CONDA_SHLVL", "1")];
}

/** Directories that activation added to PATH, besides the environment's own bin, which the launcher puts before them. */
export function pathAdditions(root: string, before: Variables, after: Variables): EnvironmentChange[] {
  const known = new Set([`${root}/bin`, ...(before.get("PATH") ?? "").split(":")]);
  const added = (after.get("PATH") ?? "").split(":").filter((path) => path !== "" && !known.has(path));
  return added.length === 0 ? [] : [{ name: "PATH", change: "prepend", value: added.join(":") }];
}

/**
 * How each variable changes, found from two runs of the same activation: `plain` began without the variable,
 * `probed` with `sentinel` as its value.
 *
 * @param names from `changedNames` of the first run.
 * @returns one change each; a script that gives a value only where there is none yields `default`.
 */
export function classifyChanges(
  names: readonly string[],
  plain: Variables,
  probed: Variables,
  sentinel: string,
): EnvironmentChange[] {
  return names.flatMap((name): EnvironmentChange[] => {
    const value = plain.get(name);
    const other = probed.get(name);
    if (value === undefined) return other === undefined ? [{ name, change: "unset" }] : [];
    if (other === undefined || other === value) return [{ name, change: "set", value }];
    if (other === sentinel) return [{ name, change: "default", value }];
    if (other.endsWith(`:${sentinel}`)) {
      return [{ name, change: "prepend", value: other.slice(0, -sentinel.length - 1) }];
    }
    if (other.startsWith(`${sentinel}:`)) {
      return [{ name, change: "append", value: other.slice(sentinel.length + 1) }];
    }
    return [{ name, change: "set", value }];
  });
}
