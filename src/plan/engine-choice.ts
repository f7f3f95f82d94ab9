import { ExitCode, KapseliError } from "../errors.ts";
import type { CondaProgram } from "../tools/conda-cli.ts";
import { atLeast, type PythonFacts } from "../tools/python.ts";

/** What is at hand to install conda packages with. */
export interface EnginesAtHand {
  /** Absolute paths of the programs on PATH. */
  programs: Partial<Record<CondaProgram, string>>;
  /** Interpreters on PATH, the first one first. */
  pythons: readonly PythonFacts[];
}

/** What installs; `why` is told to the user. */
export type CondaEngine =
  | { engine: CondaProgram; path: string; why: string }
  | { engine: "rattler"; python: PythonFacts; why: string };

export type EngineChoice =
  | { choice: "engine"; engine: CondaEngine }
  /** Try to download micromamba first; `otherwise` when no channel of the user's has it. */
  | { choice: "download-micromamba"; otherwise: CondaEngine | undefined };

const PROGRAMS = ["micromamba", "mamba", "conda"] as const;
/** The lowest Python that py-rattler's wheel takes (its `Requires-Python`). */
const RATTLER_PYTHON = [3, 10] as const;

function rattlerOf(pythons: readonly PythonFacts[], why: string): CondaEngine | undefined {
  const python = pythons.find(
    (candidate) => atLeast(candidate.version, ...RATTLER_PYTHON) && candidate.ensurepip,
  );
  return python && { engine: "rattler", python, why: `${why}, with Python ${python.version}` };
}

/** An engine that cannot be had, with what to do. */
export function noEngineError(tried: readonly string[]): KapseliError {
  return new KapseliError(
    ExitCode.hostCannot,
    "there is nothing to install conda packages with on this host",
    {
      lines: tried,
      hint: "Put micromamba on PATH, or load a module with Python 3.10 or newer (with its venv module), or name an engine in conda_engine.",
    },
  );
}

/**
 * Chooses the conda engine: the one asked for; else micromamba, mamba or conda on PATH; else a micromamba from
 * the cache or downloaded; else rattler. Pure.
 *
 * @param mamba whether mamba goes before the others that may be on PATH
 * @throws {KapseliError} `hostCannot` when the engine asked for is not at hand.
 */
export function chooseCondaEngine(
  wanted: "auto" | CondaProgram | "rattler",
  at: EnginesAtHand,
  mamba = false,
): EngineChoice {
  if (wanted === "rattler") {
    const engine = rattlerOf(at.pythons, "asked for");
    if (engine) return { choice: "engine", engine };
    throw new KapseliError(
      ExitCode.hostCannot,
      "the engine rattler needs Python 3.10 or newer with its venv module",
      {
        hint: "Load a module with a newer Python, or install python3-venv (Debian), or take another engine.",
      },
    );
  }
  if (mamba && wanted === "auto" && at.programs.mamba) {
    return { choice: "engine", engine: { engine: "mamba", path: at.programs.mamba, why: "asked for" } };
  }
  const programs = wanted === "auto" ? PROGRAMS : [wanted];
  for (const program of programs) {
    const path = at.programs[program];
    if (path) {
      const why = wanted === "auto" ? "found on PATH" : "asked for";
      return { choice: "engine", engine: { engine: program, path, why } };
    }
  }
  if (programs.includes("micromamba")) {
    const otherwise =
      wanted === "auto"
        ? rattlerOf(at.pythons, "no micromamba, mamba or conda on PATH and no micromamba in the channels")
        : undefined;
    return { choice: "download-micromamba", otherwise };
  }
  throw new KapseliError(ExitCode.hostCannot, `the engine ${wanted} is not on PATH`, {
    hint: `Load its module, or take another engine (--engine auto).`,
  });
}
