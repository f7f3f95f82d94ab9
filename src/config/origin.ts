/** The sections of a site file; tykky-surface.md §4 has their order. */
export const SECTIONS = ["defaults", "prepends", "appends", "force"] as const;
export type Section = (typeof SECTIONS)[number];

/** Where a value stands in a file. Lines count from 1. */
export type FileOrigin =
  | { from: "site"; file: string; line: number; section: Section }
  | { from: "user"; file: string; line: number };

/** Where the value of a setting came from. */
export type Origin =
  | { from: "default" }
  | FileOrigin
  | { from: "environment"; variable: string }
  | { from: "flag"; flag: string }
  /** A list put together from several sources, in the order of its items. */
  | { from: "merged"; parts: Origin[] };

/** An origin in a reader's words. */
export function originText(origin: Origin): string {
  switch (origin.from) {
    case "default":
      return "built in";
    case "site":
      return `${origin.file}:${origin.line} (${origin.section})`;
    case "user":
      return `${origin.file}:${origin.line}`;
    case "environment":
      return `the variable ${origin.variable}`;
    case "flag":
      return origin.flag;
    case "merged":
      return origin.parts.map(originText).join(" + ");
  }
}
