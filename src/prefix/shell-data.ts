/**
 * Quotes any string for POSIX sh: inside single quotes nothing is special, and a single quote is written as
 * `'\''`. The only way by which values enter generated shell.
 *
 * @throws {RangeError} for a NUL character, which no shell value can hold.
 */
export function shellQuote(value: string): string {
  if (value.includes("\0")) throw new RangeError("a shell value cannot hold a NUL character");
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Whether a name can be a shell variable's. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

/** `name='value'` for each entry, one line each. */
export function shellAssignments(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${shellQuote(value)}\n`)
    .join("");
}

/** The value that `shellAssignments` wrote for a name; undefined when the text has none. */
export function readShellAssignment(text: string, name: string): string | undefined {
  const value = new RegExp(`^${name}='((?:[^']|'\\\\'')*)'$`, "m").exec(text)?.[1];
  return value?.replaceAll(`'\\''`, "'");
}
