import { readFile } from "node:fs/promises";
import type { Dispatcher } from "undici";
import { ExitCode, KapseliError } from "../errors.ts";
import { redactSecrets } from "../tools/redact.ts";

export type HttpEnvironment = Readonly<Record<string, string | undefined>>;

const MAX_REDIRECTIONS = 10;

/** In this order; each names one PEM file that is trusted in place of Node's own list, as OpenSSL, requests and curl do. */
const CA_VARIABLES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"] as const;

/**
 * A variable under its lower-case name or its upper-case one; the lower-case wins, as in curl and Python. Empty counts
 * as set: `https_proxy=` is how a proxy is switched off.
 */
const variable = (environment: HttpEnvironment, name: string): string | undefined =>
  environment[name] ?? environment[name.toUpperCase()];

/**
 * The URL of the proxy for a scheme, "" for none: `http_proxy`/`https_proxy`, else `all_proxy`. curl takes them
 * without a scheme too (`proxy:3128`). Throws KapseliError (installFailed) for what is no HTTP proxy.
 */
export function proxyUrl(environment: HttpEnvironment, scheme: "http" | "https"): string {
  const name = `${scheme}_proxy`;
  const value = (variable(environment, name) ?? variable(environment, "all_proxy") ?? "").trim();
  if (value === "") return "";
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (URL.canParse(text) && /^https?:/i.test(text)) return text;
  throw new KapseliError(
    ExitCode.installFailed,
    `The proxy ${redactSecrets(text)} is no http:// or https:// URL.`,
    {
      hint: `Correct ${name} (or ${name.toUpperCase()}, all_proxy), or unset it.`,
    },
  );
}

/** The PEM text to trust in place of Node's list. Throws KapseliError (installFailed) for a file that cannot be read. */
async function trusted(environment: HttpEnvironment): Promise<string | undefined> {
  const name = CA_VARIABLES.find((one) => environment[one]);
  const path = name && environment[name];
  if (!path) return undefined;
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new KapseliError(ExitCode.installFailed, `The certificates in ${path} cannot be read.`, {
      hint: `${name} names this file: correct it, or unset it.`,
      cause,
    });
  }
}

/**
 * What sends requests as an environment says: through its proxies (`http_proxy`, `https_proxy`, `all_proxy`,
 * `no_proxy`, in either case), trusting its certificates (`SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`),
 * following redirects; an `authorization` header does not go to another origin. `process.env` is not looked at.
 * `idleTimeoutMs` bounds connecting, waiting for the answer's beginning, and each pause in it. The caller destroys it.
 * Throws KapseliError (installFailed) when the environment names a proxy or certificates that cannot be used.
 */
export async function httpAgent(environment: HttpEnvironment, idleTimeoutMs: number): Promise<Dispatcher> {
  // A million characters that most starts have no use for.
  const { EnvHttpProxyAgent, interceptors } = await import("undici");
  const ca = await trusted(environment);
  const connect = { timeout: idleTimeoutMs, ...(ca === undefined ? {} : { ca }) };
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxyUrl(environment, "http"),
    httpsProxy: proxyUrl(environment, "https"),
    noProxy: variable(environment, "no_proxy") ?? "",
    // http:// through a proxy as an absolute URL, not through CONNECT, which proxies often refuse for port 80.
    proxyTunnel: false,
    connect,
    requestTls: connect,
    proxyTls: connect,
    headersTimeout: idleTimeoutMs,
    bodyTimeout: idleTimeoutMs,
  });
  return agent.compose(interceptors.redirect({ maxRedirections: MAX_REDIRECTIONS }));
}
