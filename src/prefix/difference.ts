import type { Manifest } from "./manifest.ts";

/** One package that differs. A version is undefined where the package is not there. */
export interface PackageDifference {
  source: "conda" | "pip";
  name: string;
  before: string | undefined;
  after: string | undefined;
}

/** One setting that differs, as texts; undefined where there is none. */
export interface SettingDifference {
  name: string;
  before: string | undefined;
  after: string | undefined;
}

export interface Difference {
  packages: PackageDifference[];
  settings: SettingDifference[];
  commands: { added: string[]; removed: string[] };
}

type Packages = Manifest["packages"];

/** Names that mean the same package: PEP 503 for pip; conda's are lower case. */
function keyOf({ source, name }: Packages[number]): string {
  const lower = name.toLowerCase();
  return `${source} ${source === "pip" ? lower.replace(/[-_.]+/g, "-") : lower}`;
}

function byKey(packages: Packages): Map<string, { name: string; source: "conda" | "pip"; version: string }> {
  const found = new Map<string, { name: string; source: "conda" | "pip"; version: string }>();
  for (const one of packages) {
    const key = keyOf(one);
    const there = found.get(key);
    // Two of one name are a fault of the environment's; both are shown.
    found.set(key, there ? { ...there, version: `${there.version}, ${one.version}` } : { ...one });
  }
  return found;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The packages that were added, removed or are of another version, by ecosystem and name. */
export function packageDifference(before: Packages, after: Packages): PackageDifference[] {
  const [old, now] = [byKey(before), byKey(after)];
  const keys = [...new Set([...old.keys(), ...now.keys()])].sort(compare);
  return keys.flatMap((key) => {
    const [a, b] = [old.get(key), now.get(key)];
    const one = b ?? a;
    if (!one || a?.version === b?.version) return [];
    return [{ source: one.source, name: one.name, before: a?.version, after: b?.version }];
  });
}

const text = (value: unknown): string | undefined => {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(" ");
  return typeof value === "string" ? value : JSON.stringify(value);
};

/** What an environment was made with, as texts by name; what differs from build to build by itself is left out. */
function settingsOf(manifest: Manifest): Map<string, string> {
  const { base, runtime, image, options, config } = manifest;
  const named: [string, unknown][] = [
    ["kind", manifest.tool],
    ["made by kapseli", manifest.kapseli],
    ["architecture", manifest.architecture],
    ["place", manifest.root],
    ["image mounted at", manifest.location.mount],
    ["channels", manifest.channels],
    ["engine", manifest.engine.name],
    ["base", base.source],
    ["base digest", base.digest],
    ["runtime", `${runtime.family} ${runtime.version}`],
    ["runtime path", runtime.path],
    ["runtime flags", runtime.flags],
    ["image mounted by", runtime.way === "" ? undefined : runtime.way],
    ["compression", image?.compression],
    ...manifest.inputs.map(({ name, sha256 }): [string, unknown] => [`input ${name}`, sha256]),
    ...Object.entries(options).map(([name, value]): [string, unknown] => [`option ${name}`, value]),
    ...Object.entries(config).map(([name, { value }]): [string, unknown] => [`config ${name}`, value]),
    ...manifest.environment.map((change): [string, unknown] => [
      `variable ${change.name}`,
      "value" in change ? `${change.change} ${change.value}` : change.change,
    ]),
  ];
  const found = new Map<string, string>();
  for (const [name, value] of named) {
    const shown = text(value);
    if (shown === undefined) continue;
    const there = found.get(name);
    found.set(name, there === undefined ? shown : `${there}; ${shown}`);
  }
  return found;
}

/** What differs between two generations, from what they recorded. */
export function environmentDifference(before: Manifest, after: Manifest): Difference {
  const [old, now] = [settingsOf(before), settingsOf(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  const [had, has] = [new Set(before.commands), new Set(after.commands)];
  return {
    packages: packageDifference(before.packages, after.packages),
    settings: names.flatMap((name) => {
      const [a, b] = [old.get(name), now.get(name)];
      return a === b ? [] : [{ name, before: a, after: b }];
    }),
    commands: {
      added: after.commands.filter((name) => !had.has(name)),
      removed: before.commands.filter((name) => !has.has(name)),
    },
  };
}
