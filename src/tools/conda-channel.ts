import { posix } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Where channel names lead when nothing else is configured: conda's documented default of `channel_alias`
 * (https://docs.conda.io/projects/conda/en/stable/configuration.html).
 */
export const DEFAULT_CHANNEL_ALIAS = "https://conda.anaconda.org";

/** The keys of a `.condarc` (or `.mambarc`) that say where a channel is. Others are ignored. */
export interface CondarcChannels {
  channel_alias?: string;
  /** What `defaults` stands for: URLs or names. */
  default_channels?: readonly string[];
  /** Channel name -> the URL below which it is. */
  custom_channels?: Readonly<Record<string, string>>;
}

/** All that is needed to find a channel. Paths are absolute. */
export interface ChannelSettings {
  channelAlias: string;
  defaultChannels: readonly string[];
  customChannels: Readonly<Record<string, string>>;
  /** What relative paths (`./channel`) are relative to. */
  directory: string;
  /** What `~` is. */
  home: string;
}

/**
 * Settings from an environment and a `.condarc`; the environment wins, as in the installers:
 * `MAMBA_CHANNEL_ALIAS` (libmamba reads `MAMBA_<KEY>`), then `CONDA_CHANNEL_ALIAS` (conda reads `CONDA_<KEY>`),
 * then the file's `channel_alias`, then `DEFAULT_CHANNEL_ALIAS`. Pure.
 */
export function channelSettings(
  environment: Readonly<Record<string, string | undefined>>,
  condarc: CondarcChannels,
  directory: string,
): ChannelSettings {
  return {
    channelAlias:
      environment.MAMBA_CHANNEL_ALIAS ||
      environment.CONDA_CHANNEL_ALIAS ||
      condarc.channel_alias ||
      DEFAULT_CHANNEL_ALIAS,
    defaultChannels: condarc.default_channels ?? [],
    customChannels: condarc.custom_channels ?? {},
    directory,
    home: environment.HOME || directory,
  };
}

/** The platform folders of a channel; a channel written with one of them means the channel above. */
const SUBDIR = /\/(?:noarch|(?:linux|osx|win|freebsd|emscripten|wasi|zos)-[a-z0-9_]+)$/;

const trimmed = (url: string): string => url.replace(/\/+$/, "").replace(SUBDIR, "");

/** Percent-encodes what may not stand in a URL's path and leaves escapes that are there as they are. */
const encodedPath = (path: string): string =>
  path
    .split("/")
    .map((part) => encodeURIComponent(part).replace(/%25([0-9a-f]{2})/gi, "%$1"))
    .join("/");

function localUrl(path: string): string {
  // pathToFileURL would resolve against process.cwd(): the path is absolute already.
  return trimmed(pathToFileURL(path).href);
}

function fromUrl(text: string): string | undefined {
  try {
    return trimmed(new URL(text).href);
  } catch {
    return undefined;
  }
}

function named(name: string, settings: ChannelSettings): string | undefined {
  const first = name.split("/")[0] ?? name;
  const key = [name, first].find((one) => Object.hasOwn(settings.customChannels, one));
  const base = (key === undefined ? undefined : settings.customChannels[key]) ?? settings.channelAlias;
  const absolute = /^[a-z][a-z0-9+.-]*:/i.test(base) ? base : `https://${base}`;
  return fromUrl(`${absolute.replace(/\/+$/, "")}/${encodedPath(name)}`);
}

/**
 * The base URLs (no slash at the end, no platform folder) of one channel as an env.yml's `channels:` or a command
 * line names it: a name (`conda-forge`, `name/label/x`), a URL with or without credentials and `/t/TOKEN`
 * (kept, so never show them: redact.ts), a file URL, or a path (`/…`, `./…`, `../…`, `~/…`). A platform folder or
 * mamba's `[linux-64,noarch]` at the end is dropped. Empty for `nodefaults`, for `defaults` when no
 * `default_channels` is set (the tool names no default registry of its own), and for what is no URL. Pure.
 */
export function channelUrls(channel: string, settings: ChannelSettings): string[] {
  const text = channel.trim().replace(/\[[^\]]*\]$/, "");
  if (text === "" || text === "nodefaults") return [];
  if (text === "defaults") {
    return settings.defaultChannels
      .filter((one) => one !== "defaults")
      .flatMap((one) => channelUrls(one, settings));
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || text.startsWith("file:")) {
    const url = fromUrl(text);
    return url === undefined ? [] : [url];
  }
  if (text === "~" || text.startsWith("~/")) return [localUrl(posix.join(settings.home, text.slice(1)))];
  if (/^(?:\/|\.{1,2}(?:\/|$))/.test(text)) return [localUrl(posix.resolve(settings.directory, text))];
  const url = named(text.replace(/^\/+|\/+$/g, ""), settings);
  return url === undefined ? [] : [url];
}
