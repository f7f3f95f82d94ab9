/** What the shim's caller knows when a hook calls it. */
export interface ShimPlace {
  /** The environment's path inside. */
  root: string;
  envName: string;
  /** What `conda info --base` names: the directory of the shim. */
  base: string;
  /** The caller's working directory. */
  cwd: string;
  /** The caller's CONDA_PREFIX. */
  activePrefix: string;
}

/** What `conda install` and its kin are asked for. */
export interface CondaInstall {
  command: "install";
  specs: string[];
  /** Names of installed packages to bring up to date. */
  update: string[];
  updateAll: boolean;
  /** Files of specs, as written; the shim hands their text over in this order. */
  files: string[];
  /** `-c`, in their order. */
  channels: string[];
  overrideChannels: boolean;
  freeze: boolean;
  noDeps: boolean;
  onlyDeps: boolean;
  reinstall: boolean;
  priority?: ChannelPriority;
  json: boolean;
}

export type ChannelPriority = "strict" | "flexible" | "disabled";

export type ConfigAction =
  | { action: "show"; keys: string[]; json: boolean }
  | { action: "get"; keys: string[] }
  | { action: "set" | "append" | "prepend" | "remove" | "remove-key"; key: string; value: string };

/** One command line of conda's, understood. */
export type CondaRequest =
  | CondaInstall
  | { command: "remove"; packages: string[]; force: boolean; json: boolean }
  | {
      command: "list";
      pattern?: string;
      fullName: boolean;
      format: "table" | "json" | "export" | "canonical" | "explicit";
      hash?: "md5" | "sha256";
      pip: boolean;
    }
  | { command: "config"; actions: ConfigAction[] }
  | { command: "info"; format: "table" | "json" | "envs" | "base" }
  | { command: "env-list"; json: boolean }
  | { command: "env-export"; builds: boolean; fromHistory: boolean; json: boolean; file?: string }
  | { command: "env-vars"; action: "list" | "set" | "unset"; values: string[]; json: boolean }
  | { command: "env-update"; file: string; prune: boolean }
  /** Runs in the caller's own container: the words from `from` on. */
  | { command: "run"; from: number; cwd?: string }
  /** Nothing is left to do; `said` is what the user reads. */
  | { command: "nothing"; said: string; output: string };

/** A command line that a hook cannot have carried out; the text names the command. */
export interface Refusal {
  refused: string;
}
