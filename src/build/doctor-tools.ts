import { findHostProgram } from "../host/host-programs.ts";
import { run } from "../host/processes.ts";
import { findPythons } from "../host/pythons.ts";
import { parseCompressors, parseToolVersion } from "../tools/runtime-conf.ts";
import type { BuildContext } from "./context.ts";
import type { DoctorCheck } from "./doctor-check.ts";

const TIMEOUT_MS = 20_000;

/** Where administrators' tools are besides PATH. */
const SYSTEM_PATH = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/usr/libexec/apptainer/bin";

async function printedBy(context: BuildContext, argv: readonly [string, ...string[]]): Promise<string> {
  const { environment } = context.facts;
  const ran = await run({ argv, env: environment }, { signal: context.signal, timeoutMs: TIMEOUT_MS });
  return `${ran.stdout}\n${ran.stderr}`;
}

/** What packs images, and what changes them. */
export async function toolChecks(context: BuildContext): Promise<DoctorCheck[]> {
  const path = `${context.facts.environment.PATH ?? ""}:${SYSTEM_PATH}`;
  const checks: DoctorCheck[] = [];
  for (const name of ["mksquashfs", "unsquashfs"]) {
    const title = name;
    const program = findHostProgram([name], path);
    if (program === undefined) {
      const advice =
        "Load a module that has squashfs-tools, or ask the administrator to install it (4.3 or newer).";
      checks.push({ id: name, title, state: "problem", detail: "is not on this host", advice });
      continue;
    }
    const version = parseToolVersion(await printedBy(context, [program, "-version"])) ?? "of unknown version";
    let detail = `${version} (${program})`;
    if (name === "mksquashfs") {
      const known = parseCompressors(await printedBy(context, [program, "-help"]));
      if (known.length > 0) detail += `; it compresses with ${known.join(", ")}`;
      if (known.length > 0 && !known.includes("zstd")) {
        const advice =
          "Images are packed in another way, larger or slower: squashfs-tools 4.4 or newer has zstd.";
        checks.push({ id: name, title, state: "warning", detail, advice });
        continue;
      }
    }
    checks.push({ id: name, title, state: "ok", detail });
  }
  const missing = ["unshare", "nsenter"].filter((name) => findHostProgram([name], path) === undefined);
  const title = "updates without unpacking";
  if (missing.length === 0) {
    checks.push({ id: "update-tools", title, state: "ok", detail: "unshare and nsenter are there" });
  } else {
    const detail = `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not on this host`;
    const advice =
      "Updates unpack and pack all of the image, which takes twice as long; util-linux has them.";
    checks.push({ id: "update-tools", title, state: "warning", detail, advice });
  }
  return checks;
}

/** What installs packages. */
export async function engineChecks(context: BuildContext): Promise<DoctorCheck[]> {
  const { facts, config, signal } = context;
  const { environment } = facts;
  const found: string[] = [];
  for (const name of ["micromamba", "mamba", "conda"]) {
    const program = findHostProgram([name], environment.PATH);
    if (program === undefined) continue;
    const version = /\d+\.\d+[\w.]*/.exec(await printedBy(context, [program, "--version"]))?.[0];
    found.push(`${name} ${version ?? "?"} (${program})`);
  }
  const pythons = await findPythons(
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"],
    environment,
    signal,
  );
  const whole = pythons.filter(({ ensurepip }) => ensurepip);
  const checks: DoctorCheck[] = [];
  const wanted = config.conda_engine.value;
  const conda = { id: "conda-engine", title: "what installs conda packages" } as const;
  const modern = whole.find(({ version }) => Number(version.split(".")[1]) >= 10);
  if (found.length > 0) checks.push({ ...conda, state: "ok", detail: found.join(", ") });
  else if (modern !== undefined) {
    const detail = `none on PATH; micromamba is downloaded where a channel has it, else rattler with Python ${modern.version}`;
    checks.push({ ...conda, state: "ok", detail });
  } else {
    const detail = `none on PATH (conda_engine: ${wanted}), and no Python 3.10 or newer with venv for rattler`;
    const advice =
      "It works where a channel has micromamba; else put micromamba on PATH, or load a newer Python.";
    checks.push({ ...conda, state: "warning", detail, advice });
  }
  const python = { id: "python", title: "Python for pip-containerize" } as const;
  const [first] = pythons;
  if (first?.ensurepip) checks.push({ ...python, state: "ok", detail: `${first.version} (${first.path})` });
  else {
    const detail = first
      ? `${first.version} (${first.path}) has no venv or no ensurepip`
      : "there is no python3 on PATH";
    const advice =
      "Load a Python module, or install python3-venv (Debian); --uv and --slim bring a Python of their own.";
    checks.push({ ...python, state: "warning", detail, advice });
  }
  const uv = findHostProgram(["uv"], environment.PATH);
  const version =
    uv === undefined ? undefined : /\d+\.\d+[\w.]*/.exec(await printedBy(context, [uv, "--version"]))?.[0];
  checks.push({
    id: "uv",
    title: "uv",
    state: "ok",
    detail: uv === undefined ? "not on PATH; --uv installs it into the cache" : `${version ?? "?"} (${uv})`,
  });
  return checks;
}
