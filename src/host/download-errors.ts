import { ExitCode, KapseliError } from "../errors.ts";
import { redactSecrets } from "../tools/redact.ts";

/** An answer with a status other than 200 and 206. */
export class HttpStatus extends Error {
  constructor(
    readonly status: number,
    readonly retryAfter?: string,
  ) {
    super(`HTTP status ${status}`);
  }
}

/** The rest that was asked for is not the rest of what is here already. */
export class OtherFile extends Error {
  constructor() {
    super("the file changed on the server while it was read");
  }
}

/** The answer ended in order but before the known size. */
export class TooShort extends Error {
  constructor() {
    super("the connection was cut");
  }
}

/** Statuses that another attempt may not meet. */
const PASSING_STATUSES = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Codes of Node's and undici's errors that another attempt may not meet. */
const PASSING_CODES = new Set([
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "EPIPE",
  "ETIMEDOUT",
  "HPE_INVALID_EOF_STATE",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_SOCKET",
]);

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

/** Whether the same request may succeed a little later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof HttpStatus) return PASSING_STATUSES.has(error.status);
  return error instanceof TooShort || PASSING_CODES.has(codeOf(error));
}

/**
 * The HTTP status that made a download fail, when one did; 404 too for a file:// URL without a file. To tell "it is
 * not there" from "it cannot be reached".
 */
export function statusOf(error: unknown): number | undefined {
  const cause = error instanceof KapseliError ? error.cause : error;
  if (cause instanceof HttpStatus) return cause.status;
  return codeOf(cause) === "ENOENT" ? 404 : undefined;
}

const NETWORK_HINT =
  "Is the network there from this machine? Behind a proxy, set HTTPS_PROXY and HTTP_PROXY (NO_PROXY for exceptions); for a mirror, name its URL as the channel or the index.";

function ofStatus(status: number, attempts: number): [reason: string, hint: string] {
  if (status === 404 || status === 410)
    return [`there is no such file (${status})`, "Check the URL or the name."];
  if (status === 401 || status === 403)
    return [
      `the server refuses it (${status})`,
      "Credentials may be missing or wrong: https://USER:PASSWORD@HOST/…, or a token in the URL.",
    ];
  if (status === 407)
    return ["the proxy wants credentials (407)", "Set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT."];
  if (status >= 300 && status < 400) return [`it is redirected without end (${status})`, "Check the URL."];
  const times = attempts > 1 ? `, ${attempts} times` : "";
  return [
    `the server answered ${status}${times}`,
    "The server has trouble: try again later, or another mirror.",
  ];
}

function ofCode(error: unknown, url: string, idleTimeoutMs: number): [reason: string, hint: string] {
  const code = codeOf(error);
  const message = error instanceof Error && error.message !== "" ? error.message : code || String(error);
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return [`the name of a host is not known (${message})`, NETWORK_HINT];
  if (/TIMEOUT|ETIMEDOUT/.test(code)) return [`nothing came for ${idleTimeoutMs / 1000} s`, NETWORK_HINT];
  if (PASSING_CODES.has(code)) return [`the connection failed or was cut (${message})`, NETWORK_HINT];
  if (/CERT|UNABLE_TO_|ERR_TLS|ERR_SSL/.test(code))
    return [
      `the server's certificate is not trusted (${message})`,
      "Where the site has a certificate authority of its own, set SSL_CERT_FILE to a PEM file that holds it.",
    ];
  if (/HTTP Tunneling/.test(message))
    return [`the proxy refuses (${message})`, "Check HTTPS_PROXY and its credentials."];
  if (code.startsWith("Z_") || code.startsWith("ERR__"))
    return [`its compression is broken (${message})`, "Try again."];
  if (url.startsWith("file:") && code === "ENOENT") return ["there is no such file", "Check the path."];
  if (url.startsWith("file:")) return [message, "Check the path, and that you may read it."];
  if (error instanceof OtherFile) return [message, "Try again."];
  return [message, NETWORK_HINT];
}

/**
 * A failure as an error for the user: exit code installFailed, the URL and every text without credentials, the reason,
 * what to do. `attempts` is how often it was asked for. A KapseliError stays as it is.
 */
export function asKapseliError(
  error: unknown,
  url: string,
  attempts: number,
  idleTimeoutMs: number,
): KapseliError {
  if (error instanceof KapseliError) return error;
  const [reason, hint] =
    error instanceof HttpStatus ? ofStatus(error.status, attempts) : ofCode(error, url, idleTimeoutMs);
  return new KapseliError(
    ExitCode.installFailed,
    `${redactSecrets(url)} cannot be downloaded: ${redactSecrets(reason)}.`,
    { hint, cause: error },
  );
}
