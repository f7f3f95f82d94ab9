declare const KAPSELI_VERSION: string | undefined;

/** The tool's version; the bundle has it built in. */
export const VERSION: string = typeof KAPSELI_VERSION === "string" ? KAPSELI_VERSION : "0.0.0-source";
