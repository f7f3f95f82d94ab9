import type { HookRequest } from "../host/hook-requests.ts";
import { channelUrls } from "../tools/conda-channel.ts";
import { configLines, isWithoutEffect } from "../tools/conda-config-words.ts";
import type { ChannelPriority, CondaInstall, ConfigAction } from "../tools/conda-request.ts";
import { redactSecrets } from "../tools/redact.ts";
import { type CondaPlace, type CondaSetting, packageCachesOf } from "./conda-place.ts";

/** What `conda config --show` shows where no key is named. */
const SHOWN = [
  "always_yes",
  "channel_alias",
  "channel_priority",
  "channels",
  "default_channels",
  "envs_dirs",
  "pkgs_dirs",
  "root_prefix",
] as const;

/** What `conda config` says: texts for its streams, and whether it is refused. */
export interface Configured {
  stdout: string;
  stderr: string;
  status: number;
}

/** What of a call the configuration depends on. */
type Caller = Pick<HookRequest, "variables" | "cwd">;

/** conda's configuration as a hook sees it: what the environment was made with, and what hooks changed since. */
export class CondaConfiguration {
  /** What `conda config` made of the channels; undefined: as at the environment's creation. */
  private channels: string[] | undefined;
  private readonly values = new Map<string, string>();

  constructor(
    private readonly setting: CondaSetting,
    private readonly place: Pick<CondaPlace, "root" | "base">,
  ) {}

  /** The channels that hold now, without those of a command line: configured, from the caller, of the creation. */
  channelList(variables: Readonly<Record<string, string>>): string[] {
    const fromCaller = variables.CONDA_CHANNELS?.split(",").filter((one) => one !== "");
    return this.channels ?? fromCaller ?? [...this.setting.channels];
  }

  /** The channels of one installation: of its command line, of its files, configured. */
  channelsFor(
    wanted: Pick<CondaInstall, "channels" | "overrideChannels">,
    request: Caller,
    fromFile: readonly string[] = [],
  ): string[] {
    const further = wanted.overrideChannels ? [] : [...fromFile, ...this.channelList(request.variables)];
    return [...new Set([...wanted.channels, ...further])].filter((one) => one !== "nodefaults");
  }

  /** The addresses that a channel's name means. */
  urlsOf(channel: string, request: Caller): string[] {
    const alias = this.values.get("channel_alias");
    return channelUrls(channel, {
      ...this.setting.channelSettings,
      ...(alias === undefined ? {} : { channelAlias: alias }),
      directory: request.cwd,
    });
  }

  /** Only what a hook changed by `channel_alias` has to be spelled out for a program. */
  asUrl(channel: string, request: Caller): string {
    if (!this.values.has("channel_alias")) return channel;
    return this.urlsOf(channel, request)[0] ?? channel;
  }

  /** `channel::name` means what the channel's name means elsewhere; rattler has its own idea of it. */
  withChannelUrl(spec: string, request: Caller): string {
    const match = /^([^\s[\]]+)::(.+)$/s.exec(spec);
    const url = match?.[1] === undefined ? undefined : this.urlsOf(match[1], request)[0];
    return url === undefined ? spec : `${url}::${match?.[2]}`;
  }

  /** What `conda config` made of channel_priority. */
  get priority(): ChannelPriority | undefined {
    const value = this.values.get("channel_priority")?.toLowerCase();
    if (value === undefined) return undefined;
    return value === "true" ? "flexible" : value === "false" ? "disabled" : (value as ChannelPriority);
  }

  private valueOf(key: string): string | readonly string[] | undefined {
    switch (key) {
      case "channels":
        return this.channelList({}).map((one) => redactSecrets(one));
      case "pkgs_dirs":
        return packageCachesOf(this.setting);
      case "envs_dirs":
        return [`${this.place.root}/miniforge/envs`];
      case "default_channels":
        return this.setting.channelSettings.defaultChannels;
      case "root_prefix":
        return this.place.base;
      case "channel_alias":
        return this.values.get(key) ?? this.setting.channelSettings.channelAlias;
      case "channel_priority":
        return this.values.get(key) ?? (this.setting.engine.engine === "rattler" ? "strict" : "flexible");
      case "always_yes":
        return this.values.get(key) ?? "True";
      default:
        return this.values.get(key);
    }
  }

  /** Carries out `conda config`. */
  configure(actions: readonly ConfigAction[]): Configured {
    let stdout = "";
    let stderr = "";
    for (const one of actions) {
      if (one.action === "show") {
        const keys = one.keys.length > 0 ? one.keys : [...SHOWN];
        const unknown = keys.find((key) => this.valueOf(key) === undefined && !isWithoutEffect(key));
        if (unknown !== undefined) {
          const refused = `conda config --show ${unknown}: not possible in a hook: this key is not known here\n`;
          return { stdout, stderr: refused, status: 1 };
        }
        stdout += one.json
          ? `${JSON.stringify(Object.fromEntries(keys.map((key) => [key, this.valueOf(key) ?? null])), null, 2)}\n`
          : keys.map((key) => configLines(key, this.valueOf(key))).join("");
      } else if (one.action === "get") {
        stdout += this.configured(one.keys);
      } else {
        if (isWithoutEffect(one.key)) stderr += `conda config: ${one.key} has no effect in a hook\n`;
        this.change(one.action, one.key, one.value);
      }
    }
    return { stdout, stderr, status: 0 };
  }

  private change(
    action: "set" | "append" | "prepend" | "remove" | "remove-key",
    key: string,
    value: string,
  ): void {
    if (key !== "channels") {
      if (action === "remove-key") this.values.delete(key);
      else this.values.set(key, value);
      return;
    }
    if (action === "remove-key") {
      this.channels = undefined;
      return;
    }
    const others = this.channelList({}).filter((one) => one !== value);
    this.channels =
      action === "remove" ? others : action === "append" ? [...others, value] : [value, ...others];
  }

  /** What `conda config --get` prints: the lowest channel first, as conda does. */
  private configured(keys: readonly string[]): string {
    const wanted = (key: string): boolean => keys.length === 0 || keys.includes(key);
    const channels = wanted("channels") ? [...this.channelList({})].reverse() : [];
    const lines = channels.map((one, index) => {
      const rank =
        index === channels.length - 1 ? "   # highest priority" : index === 0 ? "   # lowest priority" : "";
      return `--add channels '${redactSecrets(one)}'${rank}\n`;
    });
    const values = [...this.values].filter(([key]) => wanted(key));
    return [...values.map(([key, value]) => `--set ${key} ${value}\n`), ...lines].join("");
  }
}
