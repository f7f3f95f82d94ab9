import { fileURLToPath } from "node:url";
import { exists } from "../host/files.ts";
import { run } from "../host/processes.ts";
import { pythonCandidates } from "../host/pythons.ts";
import { type Reached, reach } from "../host/reach.ts";
import { clockAdvice } from "../plan/host-advice.ts";
import { condaPlatform, defaultChannels } from "../plan/make-plan.ts";
import { channelSettings, channelUrls } from "../tools/conda-channel.ts";
import { redactSecrets, withoutCredentials } from "../tools/redact.ts";
import { parsePipIndex } from "../tools/runtime-conf.ts";
import type { BuildContext } from "./context.ts";
import { adviceChecks, type DoctorCheck } from "./doctor-check.ts";

/** Whoever waits for a diagnosis has other things to look at. */
const TIMEOUT_MS = 5_000;
/** pip's own default (pip documentation, --index-url). */
const PYPI = "https://pypi.org/simple/";

async function pipIndex({ facts, signal }: BuildContext): Promise<string> {
  const { environment } = facts;
  const fromUv = environment.UV_INDEX_URL ?? environment.UV_DEFAULT_INDEX;
  const [python] = await pythonCandidates(["python3"], environment);
  if (python === undefined) return environment.PIP_INDEX_URL ?? fromUv ?? PYPI;
  const argv = [python, "-I", "-m", "pip", "--disable-pip-version-check", "config", "list"] as const;
  const printed = await run({ argv, env: environment }, { signal, timeoutMs: 4 * TIMEOUT_MS });
  return parsePipIndex(printed.stdout) ?? fromUv ?? PYPI;
}

function judged(id: string, title: string, url: string, reached: Reached): DoctorCheck {
  const shown = redactSecrets(url);
  if (!reached.answered) {
    const advice =
      "If this host has no network, name a mirror or build where there is one. Behind a proxy set HTTPS_PROXY; with a site's own certificates set SSL_CERT_FILE.";
    return { id, title, state: "warning", detail: `${shown} cannot be reached: ${reached.reason}`, advice };
  }
  const { status } = reached;
  if (status === 401 || status === 403) {
    const advice =
      "Credentials are not tried here. Installers find theirs in the address, ~/.netrc or their configuration.";
    return {
      id,
      title,
      state: "ok",
      detail: `${shown} answers, and wants credentials (${status}). ${advice}`,
    };
  }
  if (status < 400 || status === 405) return { id, title, state: "ok", detail: `${shown} answers` };
  const advice = "Check the address of the channel or index.";
  return { id, title, state: "warning", detail: `${shown} answers with status ${status}`, advice };
}

/** Whether what installers download from answers, and what its clock says. */
export async function networkChecks(context: BuildContext): Promise<DoctorCheck[]> {
  const { facts } = context;
  const { environment } = facts;
  const checks: DoctorCheck[] = [];
  const clocks: number[] = [];
  const ask = async (id: string, title: string, url: string, below: string, certificates?: string) => {
    if (url.startsWith("file:")) {
      const isThere = await exists(fileURLToPath(url)).catch(() => false);
      const advice = "Check the path of the channel or index.";
      checks.push(
        isThere
          ? { id, title, state: "ok", detail: `${url} is there` }
          : { id, title, state: "warning", detail: `${url} is not there`, advice },
      );
      return;
    }
    const trusted = certificates ? { ...environment, SSL_CERT_FILE: certificates } : environment;
    const started = Date.now();
    const reached = await reach(`${withoutCredentials(url)}${below}`, trusted, TIMEOUT_MS);
    if (reached.answered && reached.clock !== undefined) {
      // What it says is of some moment between; its own resolution is a second.
      clocks.push((reached.clock - (started + Date.now()) / 2) / 1000);
    }
    checks.push(judged(id, title, url, reached));
  };
  const settings = channelSettings(environment, {}, facts.cwd);
  const channels = defaultChannels(environment).flatMap((channel) => channelUrls(channel, settings));
  const platform = condaPlatform(facts.architecture);
  await Promise.all([
    ...channels.map((url) => ask("channel", "conda channel", url, `/${platform}/repodata.json.zst`)),
    pipIndex(context).then((url) => ask("index", "package index", url, "", environment.PIP_CERT)),
  ]);
  checks.sort((a, b) => (a.id < b.id ? -1 : 1));
  const [clock] = clocks;
  if (clock === undefined) return checks;
  const bad = adviceChecks("clock", "clock", clockAdvice(clock, "the server that answered"));
  const fine: DoctorCheck = { id: "clock", title: "clock", state: "ok", detail: "agrees with the servers'" };
  return [...checks, ...(bad.length > 0 ? bad : [fine])];
}
