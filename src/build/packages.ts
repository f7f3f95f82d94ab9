import { dirname, join } from "node:path";
import { ExitCode, KapseliError } from "../errors.ts";
import { chmod, exists, makeDirectories, readdir, readFile, rm, writeFile } from "../host/files.ts";
import { pinned } from "../prefix/environment-lock.ts";
import { withoutCredentials } from "../tools/redact.ts";

export interface InstalledPackage {
  name: string;
  version: string;
  source: "conda" | "pip";
}

/** What was installed, and the lines by which the same can be installed again. */
export interface Installed {
  packages: InstalledPackage[];
  /** The text of environment.lock. */
  lock: string;
}

/** What is used of a record in conda-meta (conda's `PrefixRecord`). */
export interface CondaRecord {
  name: string;
  version: string;
  build?: string;
  build_number?: number;
  channel?: string;
  subdir?: string;
  requested_spec?: string;
  requested_specs?: string[];
  url?: string;
  md5?: string;
  sha256?: string;
}

/** @throws {KapseliError} `installFailed` for what is no record of a package. */
function condaRecord(file: string, json: string): CondaRecord {
  let record: Partial<CondaRecord> | null | undefined;
  try {
    record = JSON.parse(json) as Partial<CondaRecord> | null;
  } catch {
    record = undefined;
  }
  if (typeof record?.name === "string" && typeof record.version === "string") return record as CondaRecord;
  throw new KapseliError(ExitCode.installFailed, "a package's record in the environment is damaged", {
    where: file,
    hint: "Install that package again, or build the environment anew.",
  });
}

/**
 * The conda packages of an environment, by the names of their records.
 *
 * @throws {KapseliError} `installFailed` for a record that is none.
 */
export async function condaRecords(tree: string): Promise<CondaRecord[]> {
  const directory = join(tree, "conda-meta");
  if (!(await exists(directory))) return [];
  const files = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile());
  const names = files.map(({ name }) => name).filter((name) => name.endsWith(".json"));
  return Promise.all(
    names.sort().map(async (name) => {
      const file = join(directory, name);
      return condaRecord(file, await readFile(file, "utf8"));
    }),
  );
}

/** `Name:` and `Version:` of a METADATA file (Core metadata specification, packaging.python.org). */
function metadataField(text: string, field: string): string | undefined {
  return new RegExp(`^${field}:\\s*(.+)$`, "m").exec(text.split(/\r?\n\r?\n/)[0] ?? "")?.[1]?.trim();
}

async function pipPackages(
  tree: string,
): Promise<{ name: string; version: string; installer: string; url?: string }[]> {
  const lib = join(tree, "lib");
  const pythons = (await readdir(lib).catch(() => [])).filter((name) => /^(python|pypy)\d/.test(name));
  const found = [];
  for (const python of pythons) {
    const site = join(lib, python, "site-packages");
    const names = (await readdir(site).catch(() => [])).filter((name) => name.endsWith(".dist-info"));
    for (const directory of names.sort()) {
      const read = (file: string): Promise<string> =>
        readFile(join(site, directory, file), "utf8").catch(() => "");
      const metadata = await read("METADATA");
      const name = metadataField(metadata, "Name");
      const version = metadataField(metadata, "Version");
      if (!name || !version) continue;
      const direct = await read("direct_url.json");
      const url = direct === "" ? undefined : directReference(direct);
      found.push({ name, version, installer: (await read("INSTALLER")).trim(), ...(url ? { url } : {}) });
    }
  }
  return found;
}

/** Python packages that none of the conda packages brought. */
export async function pipOnly(
  tree: string,
  conda: readonly CondaRecord[],
): Promise<{ name: string; version: string; installer: string; url?: string }[]> {
  const normal = (name: string): string => name.toLowerCase().replaceAll("_", "-");
  const condaNames = new Set(conda.map((record) => normal(record.name)));
  const dists = await pipPackages(tree);
  return dists.filter((dist) => dist.installer !== "conda" && !condaNames.has(normal(dist.name)));
}

/** The address in a direct_url.json (PEP 610), in the form of a requirement's URL. */
function directReference(json: string): string | undefined {
  try {
    const { url, vcs_info } = JSON.parse(json) as {
      url?: string;
      vcs_info?: { vcs?: string; commit_id?: string };
    };
    if (!url) return undefined;
    return vcs_info?.vcs ? `${vcs_info.vcs}+${url}@${vcs_info.commit_id ?? ""}` : url;
  } catch {
    return undefined;
  }
}

interface PipReport {
  install?: {
    metadata?: { name?: string; version?: string };
    /** `hash`, `ALGORITHM=VALUE`, is the older form (direct URL data structure, packaging.python.org). */
    download_info?: { archive_info?: { hash?: string; hashes?: Record<string, string> } };
  }[];
}

/** sha256 by pinned package from pip's installation reports (pip documentation, "Installation Report"). */
async function reportedHashes(reports: readonly string[]): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  for (const report of reports) {
    try {
      const parsed = JSON.parse(await readFile(report, "utf8")) as PipReport;
      for (const item of parsed.install ?? []) {
        const { name, version } = item.metadata ?? {};
        const { hash, hashes: all } = item.download_info?.archive_info ?? {};
        const sha256 = all?.sha256 ?? /^sha256=(.+)$/.exec(hash ?? "")?.[1];
        if (name && version && sha256) hashes.set(pinned(name, version), sha256);
      }
    } catch {
      // No report: uv, or a pip before 22.2.
    }
  }
  return hashes;
}

/**
 * Reads what is in the environment from what the installers recorded themselves.
 *
 * @param reports where pip's installation reports are, if there are any
 */
export async function readInstalled(
  tree: string,
  platform: string,
  reports: readonly string[] = [],
): Promise<Installed> {
  const conda = await condaRecords(tree);
  const pip = await pipOnly(tree, conda);
  const hashes = await reportedHashes(reports);

  const lines: string[] = [];
  if (conda.length > 0) {
    lines.push(`# platform: ${platform}`, "@EXPLICIT");
    for (const record of conda) {
      if (!record.url) continue;
      // conda since 24.9, libmamba and rattler read both forms; channels without sha256 are old ones.
      const hash = record.sha256 ? `#sha256:${record.sha256}` : record.md5 ? `#${record.md5}` : "";
      lines.push(`${withoutCredentials(record.url)}${hash}`);
    }
  }
  if (pip.length > 0) {
    lines.push("# pip");
    for (const dist of pip) {
      const sha256 = hashes.get(pinned(dist.name, dist.version));
      const requirement = dist.url
        ? `${dist.name} @ ${withoutCredentials(dist.url)}`
        : `${dist.name}==${dist.version}`;
      lines.push(sha256 ? `${requirement} --hash=sha256:${sha256}` : requirement);
    }
  }
  return {
    packages: [
      ...conda.map(({ name, version }): InstalledPackage => ({ name, version, source: "conda" })),
      ...pip.map(({ name, version }): InstalledPackage => ({ name, version, source: "pip" })),
    ],
    lock: `${lines.join("\n")}\n`,
  };
}

export const LIST_PACKAGES = "list-packages";

/** `list-packages`, a command of a conda environment: the table of packages as it was when it was built. */
export async function writeListPackages(tree: string, packages: readonly InstalledPackage[]): Promise<void> {
  const rows = packages.map(({ name, version, source }) =>
    [
      name,
      version,
      source === "pip" ? "pypi" : "conda",
      // What a package says of itself may not end the text that is printed.
    ].map((cell) => cell.replace(/\s+/g, " ")),
  );
  const widths = [0, 1].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const text = rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
  const file = join(tree, "bin", LIST_PACKAGES);
  await makeDirectories(dirname(file));
  // A link of that name is not written through; a package may even have a directory there.
  await rm(file, { recursive: true, force: true });
  await writeFile(
    file,
    `#!/bin/sh\n# The packages of this environment when it was built.\ncat <<'END-OF-PACKAGES'\n${text}\nEND-OF-PACKAGES\n`,
  );
  await chmod(file, 0o755);
}
