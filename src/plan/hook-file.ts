import { ExitCode, KapseliError } from "../errors.ts";
import { readInput } from "../inputs/read-input.ts";
import { pipSectionFile } from "./engine-files.ts";

/** What a file that a hook gives to `conda install --file` or `conda env update --file` asks for. */
export interface HookFile {
  specs: string[];
  /** Channels as written; empty: those of the environment. */
  channels: string[];
  variables: Readonly<Record<string, string>>;
  /** The requirements file of its pip: section; relative paths are made absolute. */
  pip?: string;
}

/**
 * Reads a file of conda specifications, or an env.yml, that a hook named.
 *
 * @param path absolute, as it is inside; its name decides between the formats as elsewhere
 * @throws {KapseliError} `badInput` with every fault of the file; an explicit list is refused.
 */
export function readHookFile(path: string, bytes: Uint8Array, platform: string): HookFile {
  const reading = readInput("conda", path, bytes, {
    env: {},
    platform,
    // What a pip: section names is beside the file, inside.
    readBeside: () => new Uint8Array(),
    existsBeside: () => true,
  });
  const [first, ...others] = reading.diagnostics.filter(({ severity }) => severity === "error");
  if (first || reading.value === undefined) {
    const textOf = (one: { message: string; line?: number }): string =>
      `${path}${one.line === undefined ? "" : `:${one.line}`}: ${one.message}`;
    throw new KapseliError(ExitCode.badInput, first ? textOf(first) : `${path} cannot be read`, {
      ...(first?.hint ? { hint: first.hint } : {}),
      others: others.map(textOf),
    });
  }
  switch (reading.format) {
    case "spec-list":
      return { specs: reading.value.dependencies.map(({ text }) => text), channels: [], variables: {} };
    case "environment-yml": {
      const { dependencies, channels, variables, pip } = reading.value;
      const input = {
        path,
        regular: false,
        bytes,
        included: [],
        content: { format: "environment-yml", value: reading.value },
      } as const;
      const section = pip && pip.lines.length > 0 ? pipSectionFile(input, pip, path).content : undefined;
      return {
        specs: dependencies.map(({ text }) => text),
        channels: channels.map(({ text }) => text),
        variables,
        ...(section === undefined ? {} : { pip: String(section) }),
      };
    }
    default:
      throw new KapseliError(ExitCode.badInput, `${path} is an explicit list: not possible in a hook`, {
        hint: "Give it to conda-containerize as the environment, or name the packages.",
      });
  }
}
