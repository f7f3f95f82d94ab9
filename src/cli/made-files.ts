/** What scripts/make-command-docs.mjs writes: all of it comes from the definitions that --help comes from. */
export { commandPages } from "./command-pages.ts";
export { COMPLETION_FILES, withCompletion } from "./completions.ts";
export { manPages } from "./man-pages.ts";
