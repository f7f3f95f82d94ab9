interface Finding {
  severity: "error" | "warning";
  message: string;
  mend: string;
}

interface Verified {
  root: string;
  generation: number | null;
  generations: readonly number[];
  ok: boolean;
  hashed: boolean;
  started: boolean;
  imports: readonly { state: string; name: string }[];
  importsLeft: number;
  findings: readonly Finding[];
}

const INDENT = "          ";

/** What was found, as `kapseli verify` prints it: errors first. */
export function findingsText(findings: readonly Finding[]): string {
  const order = [...findings].sort(
    (a, b) => Number(a.severity === "warning") - Number(b.severity === "warning"),
  );
  return order
    .map(({ severity, message, mend }) => {
      const tag = severity === "error" ? "[ ERROR ]  " : "[ WARNING ]";
      return `${tag} ${message}\n${INDENT}  What to do: ${mend}\n`;
    })
    .join("");
}

/** What was tried and was right, in a line. */
export function verifiedText(report: Verified): string {
  const { root, generation, generations, hashed, started, imports, importsLeft, ok } = report;
  const of = (state: string): number => imports.filter((one) => one.state === state).length;
  const [imported, unknown] = [of("imported"), of("unknown")];
  const parts = [
    hashed ? "bytes of images compared" : "sizes of images compared (--quick)",
    started ? "programs start" : "nothing was started",
    ...(imported > 0 ? [`${imported} package${imported === 1 ? "" : "s"} imported`] : []),
    ...(unknown > 0 ? [`of ${unknown} it is not known what to import`] : []),
    ...(importsLeft > 0 ? [`${importsLeft} more packages were not tried`] : []),
  ];
  const others = generations.filter((number) => number !== generation);
  const beside = others.length === 0 ? "" : ` (with ${others.join(", ")} beside it)`;
  const which =
    generation === null
      ? `no generation is the current one (there: ${others.join(", ") || "none"}); it`
      : `generation ${generation}${beside}`;
  const whole = report.findings.length === 0 ? "is as it was published" : "works, with what is said above";
  return `[ INFO ] ${root}: ${which} ${ok ? whole : "is damaged"}: ${parts.join(", ")}\n`;
}
