/** A fault in a version constraint. `offset` counts from the start of the constraint text. */
export interface VersionFault {
  severity: "error" | "warning";
  offset: number;
  message: string;
  hint?: string;
}

/** Source: conda, `conda/models/version.py`: `version_relation_re` and `OPERATOR_MAP`. */
const OPERATORS: ReadonlySet<string> = new Set(["=", "==", "!=", "<=", ">=", "<", ">", "~="]);
const EXPECTED = "expected one of = == != <= >= < > ~=";

/** What people write for what they mean. */
const MEANT: Readonly<Record<string, string>> = {
  "=>": ">=",
  "=<": "<=",
  "===": "==",
  "~": "~=",
  "!": "!=",
  "<>": "!=",
  "=!": "!=",
  "=~": "~=",
  "~>": "~=",
  ">>": ">",
  "<<": "<",
  ">>=": ">=",
  "<<=": "<=",
};

/**
 * What is wrong with a conda version constraint such as `1.2.*`, `>=1,<2|>3`, `~=1.4` or `==1.0`.
 * Source of the rules: conda's `VersionSpec` and `VersionOrder` (conda/models/version.py); spaces between an
 * operator and its version do not matter (conda's MatchSpec removes them).
 */
export function versionFaults(constraint: string): VersionFault[] {
  const trimmed = constraint.trim();
  if (trimmed.startsWith("^") && trimmed.endsWith("$")) return [];
  const faults: VersionFault[] = [];
  const pieces = [...constraint.matchAll(/[^|,()]+|[|,()]/g)];
  let wanted = true;
  for (const piece of pieces) {
    const text = piece[0];
    if (text === "(" || text === ")") continue;
    if (text === "," || text === "|") {
      if (wanted) faults.push(missing(piece.index, text));
      wanted = true;
      continue;
    }
    if (text.trim() === "") continue;
    wanted = false;
    const fault = pieceFault(text.trim(), pieces.length === 1);
    if (fault)
      faults.push({ ...fault, offset: piece.index + text.length - text.trimStart().length + fault.offset });
  }
  if (wanted && pieces.length > 0) faults.push(missing(constraint.length - 1, pieces.at(-1)?.[0] ?? ""));
  if (trimmed.split("(").length !== trimmed.split(")").length) {
    faults.push({ severity: "error", offset: 0, message: "the parentheses do not match" });
  }
  return faults;
}

function missing(offset: number, separator: string): VersionFault {
  return {
    severity: "error",
    offset,
    message: `expected a version constraint on both sides of "${separator}"`,
  };
}

function pieceFault(piece: string, alone: boolean): VersionFault | undefined {
  const operator = /^[=<>!~]*/.exec(piece)?.[0] ?? "";
  const version = piece.slice(operator.length).trim();
  if (operator !== "" && !OPERATORS.has(operator)) {
    const meant = MEANT[operator];
    const swapped = alone && (operator === "=>" || operator === "=<") && version !== "";
    return {
      severity: swapped ? "warning" : "error",
      offset: 0,
      message: swapped
        ? `"${operator}" is no version operator: conda reads it as "${operator.slice(1)}${version}*", mamba refuses it`
        : `"${operator}" is no version operator: ${EXPECTED}`,
      ...(meant === undefined ? {} : { hint: `Did you mean "${meant}${version}"?` }),
    };
  }
  const at = piece.length - version.length;
  if (version === "")
    return { severity: "error", offset: 0, message: `expected a version after "${operator}"` };
  if (version === "*" && /[<>~]/.test(operator)) {
    return {
      severity: "error",
      offset: at,
      message: `"*" stands for any version: expected a version after "${operator}"`,
    };
  }
  const space = /\s/.exec(version);
  if (space) {
    const offset = at + space.index;
    return /\s[=<>!~]/.test(version)
      ? {
          severity: "error",
          offset,
          message: "expected a comma between two version constraints, not a space",
          hint: `Write "${operator}${version.replace(/\s+/g, ",")}".`,
        }
      : {
          severity: "error",
          offset,
          message: "expected at most a version and a build after the name",
          hint: "One package is expected for each line.",
        };
  }
  const bad = /[^*.+!_0-9a-z@-]/i.exec(version);
  if (bad) {
    const later = /[=<>!~]/.test(bad[0]);
    return {
      severity: "error",
      offset: at + bad.index,
      message: later
        ? `unexpected "${bad[0]}" inside a version: expected a comma between two version constraints`
        : `"${bad[0]}" cannot be part of a version: expected letters, digits and . _ + ! *`,
    };
  }
  if (/\.\./.test(version) || /^[.!+]/.test(version) || (/[.!+]$/.test(version) && operator !== "=")) {
    return { severity: "error", offset: at, message: `the version "${version}" has an empty part` };
  }
  if ((version.match(/!/g)?.length ?? 0) > 1 || (version.includes("!") && !/^\d+!/.test(version))) {
    return {
      severity: "error",
      offset: at,
      message: `expected one number before "!" (the epoch) in "${version}"`,
    };
  }
  if (operator === "~=" && version.endsWith(".*")) {
    return {
      severity: "error",
      offset: 0,
      message: 'the operator "~=" takes a plain version, without ".*"',
      hint: `Write "~=${version.slice(0, -2)}" or "=${version.slice(0, -2)}".`,
    };
  }
  if (!/[0-9*]/.test(version)) {
    return {
      severity: "warning",
      offset: at,
      message: `the version "${version}" has no digit in it`,
      hint: "One package is expected for each list entry.",
    };
  }
  return undefined;
}
