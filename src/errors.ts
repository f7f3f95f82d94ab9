/** Exit codes of the tools; scripts rely on them (docs/exit-codes in the README). */
export const ExitCode = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  badInput: 3,
  hostCannot: 4,
  installFailed: 5,
  packingFailed: 6,
  checkOrPublishFailed: 7,
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCodeValue = (typeof ExitCode)[keyof typeof ExitCode];

/** What an error says besides its message. All texts are for the user. */
export interface ErrorDetails {
  /** What to do next, in one or two sentences. */
  hint?: string;
  /** Where: `file`, `file:line` or `file:line:column`, or the command that failed. */
  where?: string;
  /** The last lines that matter of what an outside program printed. */
  lines?: readonly string[];
  /** Further errors of the same kind, one text each (all errors of one file at once). */
  others?: readonly string[];
  /** The absolute path of the full log. */
  log?: string;
  cause?: unknown;
}

/**
 * The code of EDQUOT (122 on Linux) in Node: libuv has no name for it (github.com/libuv/libuv include/uv.h, UV_ERRNO_MAP).
 */
export const NAMELESS_QUOTA = "Unknown system error -122";

/** The one error type of the project: an exit code, what failed, and what to do about it. */
export class KapseliError extends Error {
  override readonly name = "KapseliError";
  readonly code: ExitCodeValue;
  readonly details: ErrorDetails;

  constructor(code: ExitCodeValue, message: string, details: ErrorDetails = {}) {
    super(
      message.replaceAll(`${NAMELESS_QUOTA}: ${NAMELESS_QUOTA}`, "EDQUOT: the disk quota is used up"),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.details = details;
  }

  /** The same error with more details; used where the place or the log becomes known further up. */
  with(details: ErrorDetails): KapseliError {
    return new KapseliError(this.code, this.message, { ...this.details, ...details });
  }
}
