import { stringify } from "yaml";
import { withoutCredentials } from "./redact.ts";

/** An installed package, of conda's or pip's. */
export interface ListedPackage {
  name: string;
  version: string;
  build: string;
  buildNumber: number;
  /** A URL, a name, or `pypi`. */
  channel: string;
  /** conda's platform folder; `pypi` for pip's. */
  subdir: string;
  url?: string;
  md5?: string;
  sha256?: string;
  /** What the user asked for, if he asked for this package. */
  requested?: string;
}

/** The last part of a channel's address, as `conda list` shows it. */
export function channelName(channel: string): string {
  const plain = withoutCredentials(channel).replace(/\/+$/, "");
  return plain.includes("://") ? (plain.split("/").at(-1) ?? plain) : plain;
}

export interface Listing {
  root: string;
  platform: string;
  packages: readonly ListedPackage[];
  /** A case-insensitive regular expression over names. */
  pattern?: string;
  fullName: boolean;
  format: "table" | "json" | "export" | "canonical" | "explicit";
  hash?: "md5" | "sha256";
}

const dist = ({ name, version, build }: ListedPackage): string => `${name}-${version}-${build}`;

function addressOf(one: ListedPackage, hash: Listing["hash"]): string[] {
  if (one.url === undefined) return [];
  const value = hash === undefined ? undefined : one[hash];
  const tail = value === undefined ? "" : hash === "sha256" ? `#sha256:${value}` : `#${value}`;
  return [`${withoutCredentials(one.url)}${tail}`];
}

/** What `conda list` prints. Pure. @throws {SyntaxError} when the pattern is no regular expression. */
export function listing(list: Listing): string {
  const source = list.pattern === undefined ? "" : list.fullName ? `^(?:${list.pattern})$` : list.pattern;
  const matching = new RegExp(source, "i");
  const packages = list.packages
    .filter(({ name }) => matching.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");
  switch (list.format) {
    case "json":
      return `${JSON.stringify(
        packages.map((one) => ({
          base_url: withoutCredentials(one.channel),
          build_number: one.buildNumber,
          build_string: one.build,
          channel: channelName(one.channel),
          dist_name: dist(one),
          name: one.name,
          platform: one.subdir,
          version: one.version,
        })),
        null,
        2,
      )}\n`;
    case "explicit":
      return lines([
        "# This file may be used to create an environment using:",
        "# $ conda create --name <env> --file <this file>",
        `# platform: ${list.platform}`,
        "@EXPLICIT",
        ...packages.flatMap((one) => addressOf(one, list.hash)),
      ]);
    case "export":
      return lines([
        "# This file may be used to create an environment using:",
        "# $ conda create --name <env> --file <this file>",
        `# platform: ${list.platform}`,
        ...packages.map(({ name, version, build }) => `${name}=${version}=${build}`),
      ]);
    case "canonical":
      return lines(packages.map(dist));
    case "table": {
      const row = (name: string, version: string, build: string, channel: string): string =>
        `${name.padEnd(25)} ${version.padEnd(15)} ${build.padStart(15)}  ${channel}`.trimEnd();
      return lines([
        `# packages in environment at ${list.root}:`,
        "#",
        row("# Name", "Version", "Build", "Channel"),
        ...packages.map((one) => row(one.name, one.version, one.build, channelName(one.channel))),
      ]);
    }
  }
}

export interface Export {
  name: string;
  root: string;
  channels: readonly string[];
  packages: readonly ListedPackage[];
  variables: Readonly<Record<string, string>>;
  builds: boolean;
  fromHistory: boolean;
  json: boolean;
}

/** What `conda env export` prints. Pure. */
export function exported(wanted: Export): string {
  const conda = wanted.packages.filter(({ channel }) => channel !== "pypi");
  const pip = wanted.packages.filter(({ channel }) => channel === "pypi");
  const specs = wanted.fromHistory
    ? conda.flatMap(({ requested }) => requested ?? [])
    : conda.map(({ name, version, build }) =>
        wanted.builds ? `${name}=${version}=${build}` : `${name}=${version}`,
      );
  const withPip = !wanted.fromHistory && pip.length > 0;
  const environment = {
    name: wanted.name,
    channels: wanted.channels.map(withoutCredentials),
    dependencies: [
      ...specs.sort(),
      ...(withPip ? [{ pip: pip.map(({ name, version }) => `${name}==${version}`).sort() }] : []),
    ],
    ...(Object.keys(wanted.variables).length > 0 ? { variables: wanted.variables } : {}),
    prefix: wanted.root,
  };
  return wanted.json ? `${JSON.stringify(environment, null, 2)}\n` : stringify(environment);
}

export interface Information {
  envName: string;
  root: string;
  base: string;
  /** Whether the environment is there already. */
  exists: boolean;
  active: boolean;
  channels: readonly string[];
  packageCaches: readonly string[];
  platform: string;
  condaVersion: string;
}

/** What `conda info` prints. Pure. */
export function information(about: Information, format: "table" | "json" | "envs" | "base"): string {
  const envs = about.exists ? [about.root] : [];
  switch (format) {
    case "base":
      return `${about.base}\n`;
    case "envs": {
      const mark = about.active ? "*" : " ";
      const rows = envs.map((path) => `${about.envName.padEnd(22)}${mark} ${path}\n`);
      return `# conda environments:\n#\n${rows.join("")}\n`;
    }
    case "json":
      return `${JSON.stringify(
        {
          active_prefix: about.active ? about.root : null,
          active_prefix_name: about.active ? about.envName : null,
          channels: about.channels.map(withoutCredentials),
          conda_prefix: about.base,
          conda_version: about.condaVersion,
          default_prefix: about.root,
          envs,
          envs_dirs: [`${about.root}/miniforge/envs`],
          pkgs_dirs: about.packageCaches,
          platform: about.platform,
          root_prefix: about.base,
        },
        null,
        2,
      )}\n`;
    case "table": {
      const rows: [string, readonly string[]][] = [
        ["active environment", [about.active ? about.envName : "None"]],
        ["active env location", [about.active ? about.root : "None"]],
        ["conda version", [about.condaVersion]],
        ["base environment", [about.base]],
        ["channel URLs", about.channels.map(withoutCredentials)],
        ["package cache", about.packageCaches],
        ["envs directories", [`${about.root}/miniforge/envs`]],
        ["platform", [about.platform]],
      ];
      const text = rows.map(
        ([key, values]) => `${key.padStart(23)} : ${values.join(`\n${" ".repeat(26)}`)}\n`,
      );
      return `\n${text.join("")}\n`;
    }
  }
}
