import { join } from "node:path";
import { access, constants, mkdir, readFile, stat } from "../host/files.ts";
import { findHostProgram } from "../host/host-programs.ts";
import { run } from "../host/processes.ts";
import { findMksquashfs, findRuntime, findRuntimeHelper, NAMESPACE_SYSCTLS } from "../host/runtime.ts";
import { makeWorkDirectory } from "../host/work-directory.ts";
import { boundTopLevel, hiddenTopLevel, skeletonLinks } from "../plan/visibility.ts";
import { directiveProblems, parseBuildConfiguration } from "../tools/runtime-conf.ts";
import type { Runtime } from "../tools/singularity.ts";
import { makeSkeleton } from "./base.ts";
import type { BuildContext } from "./context.ts";
import { type DoctorCheck, failedCheck } from "./doctor-check.ts";
import { mountWaysHere, refuseInsideContainer } from "./preflight.ts";
import { tryRuntime } from "./trial.ts";

const TIMEOUT_MS = 20_000;

async function configurationChecks(context: BuildContext, runtime: Runtime): Promise<DoctorCheck[]> {
  const { environment } = context.facts;
  const printed = await run(
    { argv: [runtime.path, "buildcfg"], env: environment },
    { signal: context.signal, timeoutMs: TIMEOUT_MS },
  );
  const { file, helpers } = parseBuildConfiguration(printed.stdout);
  const checks: DoctorCheck[] = [];
  const text = file === undefined ? undefined : await readFile(file, "utf8").catch(() => undefined);
  const title = "configuration of the runtime";
  if (text === undefined) {
    checks.push({
      id: "configuration",
      title,
      state: "ok",
      detail: "cannot be read; the trial says what works",
    });
  } else {
    const problems = directiveProblems(text);
    if (problems.length === 0) {
      checks.push({
        id: "configuration",
        title,
        state: "ok",
        detail: `${file}: nothing is off that is needed`,
      });
    }
    for (const { directive, value, means } of problems) {
      const detail = `${file}: ${directive} = ${value}: ${means}`;
      const advice = `If the trial fails, ask the administrator to set: ${directive} = yes`;
      checks.push({ id: "configuration", title, state: "warning", detail, advice });
    }
  }
  let isSetuid = false;
  for (const directory of helpers) {
    const info = await stat(join(directory, "bin", "starter-suid")).catch(() => undefined);
    isSetuid ||= info !== undefined && info.uid === 0 && (info.mode & 0o4000) !== 0;
  }
  checks.push({
    id: "setuid",
    title: "installation of the runtime",
    state: "ok",
    detail: isSetuid ? "setuid" : "not setuid: it needs user namespaces",
  });
  checks.push(await namespaceCheck(context, isSetuid));
  return checks;
}

async function namespaceCheck(context: BuildContext, isSetuid: boolean): Promise<DoctorCheck> {
  const { environment } = context.facts;
  const base = { id: "user-namespaces", title: "user namespaces" } as const;
  const unshare = findHostProgram(["unshare"], `${environment.PATH ?? ""}:/usr/bin`);
  if (unshare === undefined) {
    return { ...base, state: "ok", detail: "not tried: unshare is not there; the trial says what works" };
  }
  const argv = [unshare, "--user", "--map-root-user", "/bin/true"] as const;
  const tried = await run({ argv, env: environment }, { signal: context.signal, timeoutMs: TIMEOUT_MS });
  if (tried.exitCode === 0) return { ...base, state: "ok", detail: "work" };
  const values: string[] = [];
  for (const name of NAMESPACE_SYSCTLS) {
    const value = await readFile(join("/proc/sys", name), "utf8").catch(() => undefined);
    if (value !== undefined) values.push(`${name.replace("/", ".")}=${value.trim()}`);
  }
  return {
    ...base,
    // A setuid runtime starts without them; only changing an image without unpacking it needs them.
    state: isSetuid ? "warning" : "problem",
    detail: `do not work: ${tried.stderr.trim().split("\n").at(-1) ?? ""} (${values.join(", ")})`,
    advice: isSetuid
      ? "Builds work; updates unpack the image, which takes longer."
      : "Ask the administrator for unprivileged user namespaces, or for a setuid installation of the runtime.",
  };
}

async function fuseChecks(context: BuildContext, runtime: Runtime): Promise<DoctorCheck[]> {
  const { environment } = context.facts;
  const title = "FUSE";
  const open = await access("/dev/fuse", constants.R_OK | constants.W_OK).then(
    () => undefined,
    (error: Error) => error.message,
  );
  const find = (name: string): string | undefined => findRuntimeHelper(name, runtime, environment);
  const helpers = ["squashfuse_ll", "squashfuse", "fuse-overlayfs", "fusermount3", "fusermount"];
  const there = helpers.filter((name) => find(name) !== undefined);
  if (open !== undefined) {
    const advice =
      "Without a setuid installation images are mounted through FUSE: ask the administrator for /dev/fuse with mode 666.";
    return [{ id: "fuse", title, state: "warning", detail: `/dev/fuse cannot be used: ${open}`, advice }];
  }
  const detail = `/dev/fuse is open; there are ${there.join(", ") || "no helpers"}`;
  if (there.includes("squashfuse_ll")) return [{ id: "fuse", title, state: "ok", detail }];
  const advice =
    "The runtime's own mounts may do; squashfuse_ll (package squashfuse) is faster than squashfuse with several processors.";
  return [{ id: "fuse", title, state: "warning", detail, advice }];
}

/** Starts a container and mounts an image in it, as a build does. */
async function trialCheck(context: BuildContext, runtime: Runtime): Promise<DoctorCheck> {
  const { config, facts } = context;
  const { environment } = facts;
  const id = "trial";
  const title = "a container over the host, with an image in it";
  let work: Awaited<ReturnType<typeof makeWorkDirectory>> | undefined;
  try {
    await refuseInsideContainer();
    const given = config.build_tmpdir_base.value === "" ? undefined : config.build_tmpdir_base.value;
    work = await makeWorkDirectory(given, environment, facts.user.uid);
    const [skeleton, directory, root] = ["root", "trial", "mount"].map((name) =>
      join(work?.path ?? "", name),
    ) as [string, string, string];
    for (const path of [directory, root]) await mkdir(path);
    await makeSkeleton(context, skeleton);
    const hidden = hiddenTopLevel({ kind: "host", occupiedTopLevel: [] }, config.excluded_mount_points.value);
    const links = skeletonLinks(facts.topLevel, hidden);
    const started = performance.now();
    const found = await tryRuntime(context, {
      runtime,
      baseKind: "host",
      base: skeleton,
      binds: boundTopLevel(facts.topLevel, hidden, links).plain,
      root,
      ways: mountWaysHere(runtime, environment),
      bindsOver: false,
      level: "default",
      mksquashfs: findMksquashfs(runtime, environment),
      directory,
      environment,
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    const detail = `works: images by ${found.way.way}, ${found.compression}, base as ${found.skeleton}; flags ${found.flags.join(" ")} (${seconds} s)`;
    return { id, title, state: "ok", detail };
  } catch (error) {
    return failedCheck(id, title, error);
  } finally {
    await work?.remove();
  }
}

/** The container runtime and what it needs of the system. */
export async function runtimeChecks(context: BuildContext): Promise<DoctorCheck[]> {
  const { config, facts, signal } = context;
  const id = "runtime";
  const title = "container runtime";
  try {
    const runtime = await findRuntime(config.singularity_executable_path.value, facts.environment, signal);
    const detail = `${runtime.family} ${runtime.version} (${runtime.path})`;
    const [configuration, fuse, trial] = await Promise.all([
      configurationChecks(context, runtime),
      fuseChecks(context, runtime),
      trialCheck(context, runtime),
    ]);
    return [{ id, title, state: "ok", detail }, ...configuration, ...fuse, trial];
  } catch (error) {
    return [failedCheck(id, title, error)];
  }
}
