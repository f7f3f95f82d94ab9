import type { CondaEnvironment } from "../inputs/environment-yml.ts";
import type { ExplicitList } from "../inputs/explicit-list.ts";
import type { Requirements } from "../inputs/requirements.ts";
import type { SpecList } from "../inputs/spec-list.ts";

/** What an input file means. */
export type InputValue =
  | { format: "environment-yml"; value: CondaEnvironment }
  | { format: "explicit"; value: ExplicitList }
  | { format: "spec-list"; value: SpecList }
  | { format: "requirements"; value: Requirements };

/** The input file as it was read, once. */
export interface Input {
  /** Absolute path. */
  path: string;
  /** False for a pipe (`<(…)`), which cannot be read again. */
  regular: boolean;
  bytes: Uint8Array;
  content: InputValue;
  included: readonly IncludedFile[];
}

/** A file that the input includes (`-r`, `-c`), carried along into the generation. */
export interface IncludedFile {
  /** Its name below the generation's inputs/, relative, without `..`. */
  name: string;
  bytes: Uint8Array;
}

/** What a command line asks for. */
export interface BuildRequest {
  tool: "conda" | "pip";
  /** The prefix asked for, absolute and physical. */
  prefix: string;
  input: Input;
  /** pip only: install with uv. */
  uv: boolean;
}
