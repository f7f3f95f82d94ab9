import { dirname, join, resolve } from "node:path";
import { stringify } from "yaml";
import type { CondaEnvironment } from "../inputs/environment-yml.ts";
import type { PipSection } from "../inputs/pip-section.ts";
import { shellQuote } from "../prefix/shell-data.ts";
import type { PlannedFile } from "./plan.ts";
import type { Input } from "./request.ts";

/** Options that name a file or directory; pip reads their lines as a shell would, so odd characters are quoted. */
const PATH_OPTION =
  /^(\s*(?:-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links)(?:\s+|=|(?<=-[rcef])))(\S.*)$/;
/** An archive beside the file, which pip takes by its bare name. */
const ARCHIVE = /^[^\s/@]+-\d[^\s/@]*\.(?:whl|zip|tar\.gz|tgz|tar\.bz2|tar\.xz)$/i;

/**
 * One line of a pip: section for a requirements file elsewhere: what it names relative to its own directory
 * becomes absolute; everything else stays as the user wrote it.
 */
export function movedPipLine(line: string, directory: string): string {
  const [, head = "", rest] = PATH_OPTION.exec(line) ?? [undefined, "", line.trim()];
  const target = rest ?? "";
  const tail = /(?:\s|\[).*$/s.exec(target)?.[0] ?? "";
  const path = target.slice(0, target.length - tail.length);
  // `-` begins another option, `${NAME}` is a variable that pip fills in, and quotes the user's own.
  if (/^(?:[a-z][a-z+]*:|[-/"']|\$\{)/i.test(path)) return line;
  const isPath =
    head !== "" ||
    /^\.{1,2}(?:\/|$)/.test(path) ||
    (path.includes("/") && !/[@;=<>]|:\/\//.test(path)) ||
    ARCHIVE.test(path);
  if (!isPath || /^\s*@\s/.test(tail)) return line;
  const absolute = resolve(directory, path);
  const odd = head !== "" && /[^\w@%+=:,./-]/.test(absolute);
  return odd
    ? `${head}${shellQuote(`${absolute}${tail.startsWith("[") ? tail : ""}`)}${tail.startsWith("[") ? "" : tail}`
    : `${head}${absolute}${tail}`;
}

/** The requirements file for a pip: section. */
export function pipSectionFile(input: Input, section: PipSection, path: string): PlannedFile {
  const directory = dirname(input.path);
  return { path, content: section.lines.map((line) => `${movedPipLine(line.text, directory)}\n`).join("") };
}

/**
 * The file that an engine reads: the user's bytes, in a folder that the engine may write to (conda and micromamba
 * put a file beside it). Only lines of its pip: section that name files relative to it are made absolute.
 */
export function condaFileForEngine(input: Input, directory: string, withPip = true): PlannedFile {
  const { content } = input;
  const name = {
    "environment-yml": "environment.yml",
    explicit: "explicit.txt",
    "spec-list": "specs.txt",
    requirements: "requirements.txt",
  };
  const path = join(directory, name[content.format]);
  if (content.format !== "environment-yml" || !content.value.pip) return { path, content: input.bytes };
  if (!withPip) return { path, content: withoutPipSection(content.value) };
  const moved = content.value.pip.lines.filter(
    ({ text }) => movedPipLine(text, dirname(input.path)) !== text,
  );
  if (moved.length === 0) return { path, content: input.bytes };
  const lines = decoded(input.bytes).split("\n");
  for (const { text, line } of moved) {
    const old = lines[line - 1] ?? "";
    const at = old.indexOf(text);
    if (at < 0) continue;
    const written = inYaml(movedPipLine(text, dirname(input.path)), old.slice(0, at));
    lines[line - 1] = `${old.slice(0, at)}${written}${old.slice(at + text.length)}`;
  }
  return { path, content: lines.join("\n") };
}

/** The environment without its pip: section, which another program installs. */
function withoutPipSection(environment: CondaEnvironment): string {
  const dependencies = environment.dependencies.map(({ text }) => text);
  return stringify({
    channels: [
      ...environment.channels.map(({ text }) => text),
      ...(environment.nodefaults ? ["nodefaults"] : []),
    ],
    dependencies: dependencies,
    variables: environment.variables,
  });
}

/** The text of a file that the reader of inputs accepted: UTF-8, or UTF-16 with its mark. */
function decoded(bytes: Uint8Array): string {
  const encoding = bytes[0] === 0xff ? "utf-16le" : bytes[0] === 0xfe ? "utf-16be" : "utf-8";
  return new TextDecoder(encoding).decode(bytes);
}

/** A text in the place of another scalar, `before` being what stands before it on its line. */
function inYaml(text: string, before: string): string {
  if (before.endsWith('"')) return JSON.stringify(text).slice(1, -1);
  if (before.endsWith("'")) return text.replaceAll("'", "''");
  // A line of a block text; else a plain text, which cannot hold everything.
  return before.trim() === "" || /^[\w@%+=./-][\w@%+=;./ -]*$/.test(text) ? text : JSON.stringify(text);
}
