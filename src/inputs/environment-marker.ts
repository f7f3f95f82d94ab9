/** Sources: "Dependency specifiers" (PyPA specifications) and the `packaging` library, which also knows old names. */
const VARIABLES =
  /^(?:python_version|python_full_version|os[._]name|sys[._]platform|platform_release|platform_system|platform[._]version|platform[._]machine|platform[._]python_implementation|python_implementation|implementation_name|implementation_version|extras?|dependency_groups)\b/;
const DEEPEST = 50;

/**
 * Checks an environment marker such as `python_version < "3.11" and sys_platform == "linux"`.
 * @returns where it is wrong and what was expected, or undefined
 */
export function parseMarker(text: string): { offset: number; message: string } | undefined {
  const parser = new MarkerParser(text);
  return parser.whole();
}

type Fault = { offset: number; message: string } | undefined;

class MarkerParser {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  whole(): Fault {
    return (
      this.expression(0) ??
      (this.at < this.text.length ? this.fault('expected "and", "or" or the end') : undefined)
    );
  }

  private fault(message: string): { offset: number; message: string } {
    return { offset: this.at, message: `in the environment marker: ${message}` };
  }

  private take(pattern: RegExp): boolean {
    const match = pattern.exec(this.text.slice(this.at, this.at + 1000));
    if (!match) return false;
    this.at += match[0].length;
    return true;
  }

  private spaces(): void {
    while (this.text[this.at] === " " || this.text[this.at] === "\t") this.at++;
  }

  private expression(depth: number): Fault {
    for (;;) {
      const bad = this.atom(depth);
      if (bad) return bad;
      if (!this.take(/^(?:and|or)\b/)) return undefined;
    }
  }

  private atom(depth: number): Fault {
    if (depth > DEEPEST) return this.fault("too many parentheses");
    this.spaces();
    if (this.take(/^\(/)) {
      const bad = this.expression(depth + 1);
      if (bad) return bad;
      if (!this.take(/^\)/)) return this.fault('expected ")"');
    } else {
      const bad = this.operand() ?? this.operator() ?? this.operand();
      if (bad) return bad;
    }
    this.spaces();
    return undefined;
  }

  private operand(): Fault {
    this.spaces();
    if (this.take(VARIABLES) || this.take(/^(?:'[^']*'|"[^"]*")/)) return undefined;
    return this.fault("expected a variable such as python_version or sys_platform, or a text in quotes");
  }

  private operator(): Fault {
    this.spaces();
    if (this.take(/^(?:===|==|~=|!=|<=|>=|<|>|in\b|not[ \t]+in\b)/)) return undefined;
    return this.fault("expected one of <= < != == >= > ~= === in, not in");
  }
}
