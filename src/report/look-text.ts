import type { ContentOf, ListedEnvironment } from "./objects.ts";
import { ageText, counted, printable, sizeText, table, timeText } from "./table.ts";

/** What is to be said of an environment's state in a word or two. */
function stateText({ state, lock }: Pick<ListedEnvironment, "state" | "lock">): string {
  return lock === null ? state : `${state}, ${lock.user} works on it`;
}

/** What is wrong, one line each; of many launchers the first few. */
function problemLines(problems: readonly { path: string; what: string }[]): string[] {
  const shown = problems.slice(0, 5).map(({ path, what }) => printable(`${path} ${what}`));
  return problems.length > 5 ? [...shown, `and ${problems.length - 5} more`] : shown;
}

/** Environments as a table, then what is wrong with some. */
export function listText({ environments, notSearched }: ContentOf<"list">, now: Date): string {
  const named = environments.some(({ name }) => name !== null);
  const rows = environments.map((one) => [
    ...(named ? [one.name ?? ""] : []),
    one.kind ?? "?",
    sizeText(one.size),
    ageText(one.created, now),
    String(one.inodes),
    one.made === "tykky" ? "Tykky" : one.generation === null ? "-" : `${one.generation} (${one.generations})`,
    one.base ?? "?",
    stateText(one),
    one.prefix,
  ]);
  const heads = ["kind", "size", "age", "inodes", "generation", "base", "state", "prefix"];
  const numbers = named ? [2, 4] : [1, 3];
  const text =
    rows.length === 0 ? "" : table(rows, { heads: [...(named ? ["name"] : []), ...heads], right: numbers });
  const wrong = environments
    .flatMap(({ problems }) => problemLines(problems))
    .map((line) => `  ${line}\n`)
    .join("");
  const skipped = notSearched.slice(0, 5).map(({ path, why }) => `  ${printable(path)}: ${printable(why)}\n`);
  const more = notSearched.length > 5 ? `  and ${notSearched.length - 5} more (--json names them)\n` : "";
  return `${text}${wrong === "" ? "" : `\nWhat is wrong:\n${wrong}`}${skipped.length === 0 ? "" : `\nNot looked into:\n${skipped.join("")}${more}`}`;
}

/** Names in lines that fit a terminal, each indented. */
function wrapped(names: readonly string[], indent: string, columns: number): string {
  const lines: string[] = [];
  let line = "";
  for (const name of names.map(printable)) {
    if (line !== "" && line.length + name.length + 2 > columns - indent.length) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? name : `  ${name}`;
  }
  if (line !== "") lines.push(line);
  return lines.map((one) => `${indent}${one}\n`).join("");
}

/** A setting that somebody chose, and where. */
export interface ChosenSetting {
  name: string;
  value: string;
  from: string;
}

const shownValue = (value: unknown): string =>
  typeof value === "string"
    ? value
    : Array.isArray(value)
      ? value.map(shownValue).join(" ")
      : JSON.stringify(value);

/** Options that are not what they would be by themselves. */
function optionTexts(options: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(options)
    .filter(
      ([, value]) => value !== false && value !== undefined && !(Array.isArray(value) && value.length === 0),
    )
    .map(([name, value]) => (value === true ? name : `${name}=${shownValue(value)}`));
}

/**
 * An environment for people.
 *
 * @param settings configuration that is not built in
 * @param columns of the terminal
 */
export function infoText(
  info: ContentOf<"info">,
  settings: readonly ChosenSetting[],
  columns: number,
): string {
  const rows: [string, string][] = [];
  const row = (head: string, text: string | null | undefined): void => {
    if (text) rows.push([head, text]);
  };
  const { engine, base, runtime, image, generations } = info;
  row("prefix", info.prefix);
  if (info.root !== info.prefix) row("environment", `${info.root} (the prefix holds other files)`);
  row("state", stateText(info));
  for (const problem of problemLines(info.problems)) row("", problem);
  if (info.builtFor !== null && info.builtFor !== info.root) row("built for", info.builtFor);
  const maker = info.made === "tykky" ? "Tykky" : `kapseli ${info.kapseli ?? "(version not known)"}`;
  row("made", `${timeText(info.created)} by ${maker}`);
  row("kind", [info.kind ?? "?", info.architecture ?? ""].filter((word) => word !== "").join(", "));
  for (const { name, sha256 } of info.inputs) row("from", `${name} (sha256 ${sha256.slice(0, 12)}…)`);
  row("channels", info.channels.join(" "));
  if (info.original !== null) row("original", `kept in ${info.original}`);
  if (engine) row("engine", engine.why === "" ? engine.name : `${engine.name} (${engine.why})`);
  row("options", optionTexts(info.options).join(", "));
  for (const { name, value, from } of settings) row("setting", `${name}: ${value} (${from})`);
  if (base)
    row("base", [base.source, base.digest ?? "", base.shared ? "shared" : ""].filter(Boolean).join(", "));
  if (runtime) {
    const way = runtime.way === "" ? "" : `, mounts by ${runtime.way}`;
    row("runtime", `${runtime.family} ${runtime.version} (${runtime.path})${way}`);
    row("flags", runtime.flags.join(" "));
  }
  if (image) {
    row("image", `${sizeText(image.size)}, ${image.compression}, ${image.entries} files, at ${image.mount}`);
  }
  row("on disk", `${sizeText(info.size)}, ${info.inodes} inodes`);
  if (info.generation !== null) {
    const older = generations.length - 1;
    row("generation", `${info.generation}${older > 0 ? ` (${older} more kept: kapseli generations)` : ""}`);
  }
  const parts = [table(rows)];
  const indent = "  ";
  for (const source of ["conda", "pip"] as const) {
    const own = info.packages.filter((one) => one.source === source);
    if (own.length === 0) continue;
    parts.push(`\n${counted(own.length, `${source} package`)}:\n`);
    parts.push(table(own.map(({ name, version }) => [`${indent}${name}`, version])));
  }
  if (info.commands.length > 0) {
    parts.push(`\n${counted(info.commands.length, "command")}:\n`, wrapped(info.commands, indent, columns));
  }
  return parts.join("");
}

/** What differs, for people. */
export function diffText({ a, b, same, packages, settings, commands }: ContentOf<"diff">): string {
  const side = ({ root, generation }: ContentOf<"diff">["a"]): string => `${root}, generation ${generation}`;
  const heads = `--- ${printable(side(a))}\n+++ ${printable(side(b))}\n`;
  if (same) return `${heads}no difference\n`;
  const parts = [heads];
  const sign = { added: "+", removed: "-", changed: " " } as const;
  if (packages.length > 0) {
    parts.push("\npackages\n");
    parts.push(
      table(
        packages.map((one) => [
          `${sign[one.change]} ${one.source}`,
          one.name,
          one.change === "changed" ? `${one.a} -> ${one.b}` : (one.b ?? one.a ?? ""),
        ]),
      ),
    );
  }
  if (commands.added.length + commands.removed.length > 0) {
    parts.push("\ncommands\n");
    if (commands.added.length > 0) parts.push(wrapped(commands.added, "+ ", 100));
    if (commands.removed.length > 0) parts.push(wrapped(commands.removed, "- ", 100));
  }
  if (settings.length > 0) {
    parts.push("\nsettings\n");
    const short = (value: string | null): string => (value === null ? "(none)" : value.slice(0, 200));
    parts.push(table(settings.map((one) => [`  ${one.name}`, `${short(one.a)} -> ${short(one.b)}`])));
  }
  return parts.join("");
}

const WHY: Readonly<Record<string, string>> = {
  current: "the current one",
  previous: "the one to go back to",
  "in use": "in use on this host",
  recent: "replaced less than 14 days ago (--now removes it)",
  old: "replaced more than 14 days ago",
  "recent, asked for": "replaced less than 14 days ago",
  unfinished: "what a build that was killed left",
};

/** What pruning did, or would do. */
export function pruneText({ dryRun, environments }: ContentOf<"prune">): string {
  return environments
    .map(({ root, generations, freed }) => {
      const rows = generations.map(({ number, goes, why, size }) => [
        `  ${number}`,
        goes ? (dryRun ? "would go" : "removed") : "stays",
        sizeText(size),
        WHY[why] ?? why,
      ]);
      const would = dryRun ? "would free" : "freed";
      return `${printable(root)}: ${would} ${sizeText(freed.size)}, ${freed.inodes} inodes\n${table(rows, { right: [2] })}`;
    })
    .join("");
}
