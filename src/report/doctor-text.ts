interface Check {
  title: string;
  state: "ok" | "warning" | "problem";
  detail: string;
  advice?: string;
}

interface Examined {
  kapseli: string;
  node: string;
  system: { name: string; kernel: string; architecture: string };
  ok: boolean;
  checks: readonly Check[];
}

const TAGS = { ok: "[  ok   ]", warning: "[ WARN  ]", problem: "[PROBLEM]" } as const;

/** What was tried, one line each, and below each that is not as it should be what to do. */
export function doctorText({ kapseli, node, system, ok, checks }: Examined): string {
  const head = `kapseli ${kapseli}, Node ${node}, ${system.name}, Linux ${system.kernel}, ${system.architecture}\n`;
  const lines = checks.map(({ title, state, detail, advice }) => {
    const todo = advice === undefined ? "" : `          What to do: ${advice}\n`;
    return `${TAGS[state]} ${title}: ${detail}\n${todo}`;
  });
  const problems = checks.filter(({ state }) => state === "problem").length;
  const end = ok
    ? "Environments can be built here.\n"
    : `${problems} problem${problems === 1 ? "" : "s"}: environments cannot be built here like this.\n`;
  return `${head}${lines.join("")}${end}`;
}
