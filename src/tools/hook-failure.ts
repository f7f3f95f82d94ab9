import { ExitCode, KapseliError } from "../errors.ts";
import { redactSecrets } from "./redact.ts";

/** A hook, or consecutive lines of a configuration that are sourced as one text. */
export interface NamedScript {
  /** The path by which the shell knows it. */
  path: string;
  text: string;
  /** What it is made of, in order; a file is one part. */
  parts: readonly [ScriptPart, ...ScriptPart[]];
}

/** One part of a script as the user knows it. */
export interface ScriptPart {
  /** As the user gave it: a path, or a key of the configuration such as `post_install[2]`. */
  shown: string;
  /** Where the text stands, for a text from a configuration file; `line` is that of its first line. */
  place?: { file: string; line: number };
  /** The line of the script's text at which the part begins, from 1. */
  start: number;
  /** How many lines it has. */
  lines: number;
}

/** The part that holds a line of the script's text, and which of its own lines that is. */
function partAt(script: NamedScript, line: number): { part: ScriptPart; line: number } {
  const part = script.parts.findLast(({ start }) => start <= line) ?? script.parts[0];
  return { part, line: Math.min(line - part.start + 1, part.lines) };
}

/** Texts joined to one script, each from a new line on. */
export function joinedScript(
  path: string,
  texts: readonly [
    Omit<ScriptPart, "start" | "lines"> & { text: string },
    ...(Omit<ScriptPart, "start" | "lines"> & { text: string })[],
  ],
): NamedScript {
  let start = 1;
  const part = ({ text, ...named }: (typeof texts)[number]): ScriptPart => {
    const lines = text.replace(/\n$/, "").split("\n").length;
    const made = { ...named, start, lines };
    start += lines;
    return made;
  };
  const [first, ...others] = texts;
  return {
    path,
    text: texts
      .map(({ text }) => text.replace(/\n$/, ""))
      .join("\n")
      .concat("\n"),
    parts: [part(first), ...others.map(part)],
  };
}

/** What the shell noted before it ended (hook-shell.sh, __kapseli_note). */
interface Note {
  /** `error`: a command failed under `set -e`. `exit`: exit was called. `end`: the shell ends, whyever. */
  kind: "error" | "exit" | "end";
  status: number;
  /** How many subshells deep. */
  depth: number;
  command: string;
  /** From the innermost outwards. */
  frames: { source: string; line: number }[];
}

function parseNotes(text: string): Note[] {
  const notes: Note[] = [];
  const words = text.split("\0");
  for (let at = 0; at + 4 < words.length; ) {
    const [kind = "", status = "", depth = "", command = ""] = words.slice(at, at + 4);
    const frames: Note["frames"] = [];
    for (at += 4; at < words.length && words[at] !== ""; at += 2) {
      frames.push({ source: words[at] ?? "", line: Number(words[at + 1]) });
    }
    at += 1;
    if (kind !== "error" && kind !== "exit" && kind !== "end") break;
    notes.push({ kind, status: Number(status), depth: Number(depth), command, frames });
  }
  return notes;
}

/** What is known of a shell that ended while a hook ran. */
export interface HookEnd {
  phase: "pre" | "post";
  script: NamedScript;
  /** All that were sourced so far: a function of an earlier one may be what failed. */
  scripts: readonly NamedScript[];
  /** What the shell noted: the text of the file `failure`. */
  notes: string;
  /** 128+N for signal N. */
  exitCode: number;
  /** The last lines that the hook printed, as they came. */
  lines: readonly string[];
}

function placeOf(script: NamedScript, at: number): string {
  const { part, line } = partAt(script, at);
  return part.place ? `${part.place.file}:${part.place.line + line - 1}` : `${part.shown}:${line}`;
}

/** A part's own line number as an error says it; the only line of a text needs none. */
function atLine(script: NamedScript, at: number): string {
  const { part, line } = partAt(script, at);
  return part.lines > 1 ? ` at line ${line}` : "";
}

const shortened = (command: string): string => {
  const [first = "", ...more] = command.split("\n");
  const line = first.length > 160 ? `${first.slice(0, 160)} …` : first;
  return redactSecrets(more.length > 0 ? `${line} …` : line);
};

/** The output with the scripts under the names that the user knows. */
export function withShownNames(line: string, scripts: readonly NamedScript[]): string {
  return scripts.reduce((text, script) => {
    const [first] = script.parts;
    return text.split(script.path).reduce((before, after) => {
      // As bash begins what it says of a line.
      const [, number = "0", rest = ""] = /^: line (\d+)(:.*)$/s.exec(after) ?? [];
      if (number === "0") return `${before}${first.shown}${after}`;
      const { part, line } = partAt(script, Number(number));
      return `${before}${part.shown}: line ${line}${rest}`;
    });
  }, line);
}

const KIND = { pre: "pre-install script", post: "post-install script" };

/** What an error calls the script, by the part in which it failed where that is known. */
function nameOf({ phase, script }: HookEnd, line?: number): string {
  const last = script.parts.at(-1)?.shown ?? "";
  const all = script.parts.length === 1 ? last : `${script.parts[0].shown} to ${last}`;
  return `the ${KIND[phase]} ${line === undefined ? all : partAt(script, line).part.shown}`;
}

const SOURCED = "Hooks are sourced by one bash, one after the other.";

/** Signals that end a shell, by their numbers on Linux (man 7 signal). */
const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  6: "SIGABRT",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  15: "SIGTERM",
  24: "SIGXCPU",
};

interface Reason {
  message: string;
  hint: string;
  line?: number;
  /** The script that `line` counts in. */
  script?: NamedScript;
}

function failedCommand(end: HookEnd, notes: readonly Note[], note: Note): Reason {
  const byPath = new Map(end.scripts.map((script) => [script.path, script]));
  const at = note.frames.findIndex(({ source }) => byPath.has(source));
  const frame = note.frames[at];
  const script = frame && byPath.get(frame.source);
  if (!frame || !script) {
    return {
      message: `${nameOf(end)} returned ${note.status}`,
      hint: `${SOURCED} A \`return\` other than 0 is a failure.`,
    };
  }
  // The subshell that just failed knows which of its commands it was.
  const inner = notes[notes.indexOf(note) - 1];
  const within = inner && inner.depth > note.depth && note.command.includes(inner.command) ? inner : note;
  const line = within === note ? frame.line : (within.frames[at]?.line ?? frame.line);
  const elsewhere = at > 0 ? note.frames[0] : undefined;
  // What failed in a file that the script sources, or in the shell's own conda function.
  const there = elsewhere && !/\/hooks\/shell\.sh$/.test(elsewhere.source) ? elsewhere : undefined;
  const command = elsewhere && !there ? (script.text.split("\n")[line - 1]?.trim() ?? "") : within.command;
  const own = note.frames.findLast(({ source }) => source === end.script.path);
  const inOther = script === end.script ? "" : `, in ${partAt(script, line).part.shown}`;
  const inFile = there ? `, in ${there.source}:${there.line}` : "";
  return {
    message: `${nameOf(end, own?.line)} failed${atLine(script, line)}${inOther}${inFile}: \`${shortened(command)}\` ended with status ${note.status}`,
    hint: "The lines above are what it printed last. `command || true` lets a command fail.",
    line,
    script,
  };
}

function calledExit(end: HookEnd, note: Note): Reason {
  const byPath = new Map(end.scripts.map((script) => [script.path, script]));
  const frame = note.frames.find(({ source }) => byPath.has(source));
  const script = (frame && byPath.get(frame.source)) ?? end.script;
  const line = frame?.line;
  const name = nameOf(end, script === end.script ? line : undefined);
  const at = line === undefined ? "" : atLine(script, line);
  return note.status === 0
    ? {
        message: `${name} called exit 0${at}: the build would end there`,
        hint: `${SOURCED} Use \`return\` to leave a script early.`,
        ...(line === undefined ? {} : { line, script }),
      }
    : {
        message: `${name} gave up with exit ${note.status}${at}`,
        hint: "The lines above are what it printed last.",
        ...(line === undefined ? {} : { line, script }),
      };
}

/** What bash itself said about a line of the script: a syntax error, an unset variable. */
function bashSaid(end: HookEnd): Reason | undefined {
  const start = `${end.script.path}: line `;
  const said = end.lines.filter((line) => line.startsWith(start)).at(-1);
  const match = said === undefined ? null : /^(\d+): (.+)$/s.exec(said.slice(start.length));
  if (!match) return undefined;
  const syntax = end.lines.find((line) => line.startsWith(start) && line.includes("syntax error"));
  const [, line = "0", text = ""] = (syntax && /^(\d+): (.+)$/s.exec(syntax.slice(start.length))) || match;
  return {
    message: `${nameOf(end, Number(line))} failed${atLine(end.script, Number(line))}: ${shortened(text)}`,
    hint: /^#!(?!.*\bba?sh\b)/.test(end.script.text)
      ? `${SOURCED} Its first line asks for another program, which is not started.`
      : SOURCED,
    line: Number(line),
    script: end.script,
  };
}

function reasonOf(end: HookEnd): Reason {
  const notes = parseNotes(end.notes);
  const own = notes.filter(({ depth }) => depth === 0);
  const called = own.find(({ kind }) => kind === "exit");
  if (called) return calledExit(end, called);
  // The first: the shell ends then, and the commands around it fail on the way.
  const failed = own.find(({ kind }) => kind === "error");
  if (failed) return failedCommand(end, notes, failed);
  const name = nameOf(end);
  const ended = own.find(({ kind }) => kind === "end");
  if (ended) {
    return (
      bashSaid(end) ?? {
        message: `${name} ended the shell with status ${ended.status}`,
        hint: "The lines above are what it printed last.",
      }
    );
  }
  const signal = SIGNALS[end.exitCode - 128];
  if (signal) {
    return {
      message: `the shell of ${name} was killed (${signal})`,
      hint:
        signal === "SIGKILL"
          ? "Often this is the memory limit of a login node: build in a batch job."
          : "The script, or something outside the build, sent that signal.",
    };
  }
  return (
    bashSaid(end) ?? {
      message: `${name} did not return: its shell ended with status ${end.exitCode}`,
      hint: `${SOURCED} \`exec PROGRAM\` puts the program in the shell's place, and an EXIT trap with \`exit\` in it ends it: call the program without exec, and leave \`exit\` out.`,
    }
  );
}

/**
 * Why a hook did not come to its end, in one error: the script as the user gave it, the line, the command. Pure.
 */
export function explainHookEnd(end: HookEnd): KapseliError {
  const { message, hint, line, script } = reasonOf(end);
  const windows = end.script.text.includes("\r\n");
  const shown = end.lines
    .filter((text) => text.trim() !== "")
    .slice(-15)
    .map((text) => redactSecrets(withShownNames(text, end.scripts)));
  return new KapseliError(ExitCode.installFailed, message, {
    lines: shown,
    hint: windows
      ? "The script has Windows line ends, which bash takes for part of its words: dos2unix."
      : hint,
    ...(line === undefined || script === undefined ? {} : { where: placeOf(script, line) }),
  });
}
