import { dirname, isAbsolute, join, resolve } from "node:path";
import type { PipSection } from "../inputs/pip-section.ts";
import type { PlannedFile } from "./plan.ts";
import type { Input } from "./request.ts";

/**
 * One line of a pip: section for a requirements file elsewhere: what it names relative to its own directory
 * becomes absolute; everything else stays as the user wrote it.
 */
export function movedPipLine(line: string, directory: string): string {
  const option =
    /^(\s*(?:-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links)(?:\s+|=|(?<=-[rcef])))(\S.*)$/.exec(
      line,
    );
  const [, head, rest] = option ?? [undefined, "", line.trim()];
  const target = rest ?? "";
  const [path = "", tail = ""] = [
    target.replace(/\s.*$|\[.*$/s, ""),
    /(\s.*|\[.*)$/s.exec(target)?.[0] ?? "",
  ];
  const isRelativePath = option
    ? !/^[a-z+]+:/i.test(path) && !isAbsolute(path)
    : /^\.{1,2}(\/|$|\[)/.test(target);
  if (!isRelativePath) return line;
  return `${head ?? ""}${resolve(directory, path)}${tail}`;
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
export function condaFileForEngine(input: Input, directory: string): PlannedFile {
  const { content } = input;
  const name = {
    "environment-yml": "environment.yml",
    explicit: "explicit.txt",
    "spec-list": "specs.txt",
    requirements: "requirements.txt",
  };
  const path = join(directory, name[content.format]);
  if (content.format !== "environment-yml" || !content.value.pip) return { path, content: input.bytes };
  const moved = content.value.pip.lines.filter(
    ({ text }) => movedPipLine(text, dirname(input.path)) !== text,
  );
  if (moved.length === 0) return { path, content: input.bytes };
  const lines = new TextDecoder("utf-8", { ignoreBOM: false }).decode(input.bytes).split("\n");
  for (const { text, line } of moved) {
    const old = lines[line - 1];
    if (old === undefined) continue;
    lines[line - 1] = old.replace(text, () => movedPipLine(text, dirname(input.path)));
  }
  return { path, content: lines.join("\n") };
}
