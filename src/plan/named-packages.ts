import { readInput } from "../inputs/read-input.ts";
import type { Requirements } from "../inputs/requirements.ts";
import { normalName } from "../prefix/environment-lock.ts";
import { LOCK_PARTS } from "./lock-file.ts";

/** Packages that an environment was asked for by name. */
export interface NamedPackages {
  /** Each once, as written, in the order of the files. */
  names: readonly string[];
  /** Of an explicit list: every package, also those that nobody asked for by name. */
  everything: boolean;
}

/** A pattern (`py*`) names no package. */
const exactName = ({ name }: { name: string }): string[] => (/[*]/.test(name) ? [] : [name]);

function required({ requirements }: Requirements): string[] {
  return requirements.flatMap(({ name, constraint, marker }) =>
    // Whether a marker holds is the installer's to say: such a package may be left out.
    name === undefined || constraint || marker !== undefined ? [] : [name],
  );
}

/**
 * The packages that the kept input files name. What a file includes is among the files itself. Pure.
 *
 * @param tool what the inputs without a telling name are for
 * @param files by name, the oldest first
 */
export function namedPackages(
  tool: "conda" | "pip",
  files: readonly { name: string; bytes: Uint8Array }[],
  platform: string,
): NamedPackages {
  const names = new Map<string, string>();
  let everything = false;
  const isPart = (name: string): boolean => Object.values(LOCK_PARTS).some((part) => part === name);
  // An environment that was built again from its lock was asked for by what came before.
  const asked = files.filter(({ name }) => !isPart(name));
  for (const { name: file, bytes } of asked.length > 0 ? asked : files) {
    const isRequirements = tool === "pip" || /(^|\/)requirements[^/]*(\/|\.(txt|in)$)/.test(file);
    const read = readInput(isRequirements ? "pip" : tool, file, bytes, {
      readBeside: () => undefined,
      existsBeside: () => true,
      env: {},
      platform,
    });
    const add = (list: readonly string[]): void => {
      for (const name of list) if (!names.has(normalName(name))) names.set(normalName(name), name);
    };
    switch (read.format) {
      case "environment-yml":
        add((read.value?.dependencies ?? []).flatMap(exactName));
        if (read.value?.pip) add(required(read.value.pip.requirements));
        break;
      case "explicit":
        add((read.value?.packages ?? []).map(({ name }) => name));
        everything ||= read.value !== undefined;
        break;
      case "spec-list":
        add((read.value?.dependencies ?? []).flatMap(exactName));
        break;
      case "requirements":
        if (read.value) add(required(read.value));
        break;
    }
  }
  return { names: [...names.values()], everything };
}
