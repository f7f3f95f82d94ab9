import { posix } from "node:path";

/** Source: pip, `vcs/*.py`, the `schemes` of each version control system. */
const VCS_SCHEMES = new Set(
  (
    "git+http git+https git+ssh git+git git+file hg+file hg+http hg+https hg+ssh hg+static-http " +
    "svn+ssh svn+http svn+https svn+svn svn+file bzr+http bzr+https bzr+ssh bzr+sftp bzr+ftp bzr+lp bzr+file"
  ).split(" "),
);

/** Source: pip/_internal/utils/filetypes.py, `ARCHIVE_EXTENSIONS`. */
const ARCHIVE = /\.(?:zip|whl|tar\.bz2|tbz|tar\.gz|tgz|tar|tar\.xz|txz|tlz|tar\.lz|tar\.lzma)$/i;

/** The scheme of an address in lower case, or "". */
export function schemeOf(text: string): string {
  return /^([a-z][a-z0-9+.-]{0,30}):/i.exec(text)?.[1]?.toLowerCase() ?? "";
}

/** Whether pip takes a text for the address of a package. Source: pip, `is_url`. */
export function isUrl(text: string): boolean {
  const scheme = schemeOf(text);
  return ["http", "https", "file", "ftp"].includes(scheme) || VCS_SCHEMES.has(scheme);
}

/** Whether an address is one of a version control system that pip knows (`git+https:` and the like). */
export function isVcsUrl(text: string): boolean {
  return VCS_SCHEMES.has(schemeOf(text));
}

/** Whether an address holds a password, or a token in the user's place; the name of ssh's user is no secret. */
export function holdsCredentials(url: string): boolean {
  const user = /^[^:]+:\/\/([^\s/?#]+)@/.exec(url)?.[1];
  return user !== undefined && (user.includes(":") || !schemeOf(url).endsWith("ssh"));
}

/** Whether a text looks like a path. Source: pip, `_looks_like_path`. */
export function looksLikePath(text: string): boolean {
  return text.includes("/") || text.startsWith(".");
}

/** Whether a path names an archive that pip installs. */
export function isArchive(path: string): boolean {
  return ARCHIVE.test(path);
}

/** `path[a,b]` into the path and its extras. Source: pip, `strip_extras`. */
export function splitExtras(text: string): { path: string; extras: string[] } {
  const match = /^(.+?)\s*\[([^\][]+)\]$/.exec(text);
  if (!match) return { path: text, extras: [] };
  return { path: match[1] ?? text, extras: (match[2] ?? "").split(",").map((extra) => extra.trim()) };
}

/** The path that a `file:` address stands for, without query and fragment; undefined for other addresses. */
export function pathOfFileUrl(url: string): string | undefined {
  if (schemeOf(url) !== "file") return undefined;
  let path = url.slice(5).replace(/[?#].*$/, "");
  if (path.startsWith("//")) path = path.slice(2).replace(/^[^/]*/, "");
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** A path relative to a directory (both with `/`), normalized; absolute paths stay what they are. */
export function pathFrom(directory: string, path: string): string {
  const joined = posix.isAbsolute(path) ? posix.normalize(path) : posix.join(directory, path);
  return joined.length > 1 ? joined.replace(/\/$/, "") : joined;
}

/** The `#egg=` name of an address; `invalid` when pip refuses it. Source: pip, `Link._egg_fragment`. */
export function eggOf(url: string): { name?: string; invalid?: string } {
  const egg = /[#&]egg=([^&]*)/.exec(url)?.[1];
  if (egg === undefined) return {};
  return /^(?:[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9])$/i.test(egg) ? { name: egg } : { invalid: egg };
}

export interface WheelName {
  name: string;
  version: string;
  platform: string;
}

/** The fields of a wheel's file name at the end of an address or path; "invalid" if they are not as they must be. */
export function wheelOf(url: string): WheelName | "invalid" | undefined {
  const file = (
    url
      .replace(/[?#].*$/, "")
      .split("/")
      .at(-1) ?? ""
  ).replace(/%2b/gi, "+");
  if (!/\.whl$/i.test(file)) return undefined;
  // Source: "Binary distribution format" (PyPA specifications): name-version(-build)?-python-abi-platform.whl
  const fields = file.slice(0, -4).split("-");
  if (fields.length < 5 || fields.length > 6 || fields.includes("") || /\s/.test(file)) return "invalid";
  return { name: fields[0] ?? "", version: fields[1] ?? "", platform: fields.at(-1) ?? "" };
}
