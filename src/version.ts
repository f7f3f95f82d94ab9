declare const KAPSELI_VERSION: string | undefined;
declare const KAPSELI_TAG: string | undefined;
declare const KAPSELI_COMMIT: string | undefined;

/** The tool's version; the bundle has it built in. */
export const VERSION: string = typeof KAPSELI_VERSION === "string" ? KAPSELI_VERSION : "0.0.0-source";

/**
 * What the tool was built from (scripts/bundle.mjs): `git describe --tags --always` and the commit. A bundle that was
 * made outside a clone has its version as the tag and no commit.
 */
export const SOURCE: { tag: string; commit: string | undefined } = {
  tag: typeof KAPSELI_TAG === "string" && KAPSELI_TAG !== "" ? KAPSELI_TAG : VERSION,
  commit: typeof KAPSELI_COMMIT === "string" && KAPSELI_COMMIT !== "" ? KAPSELI_COMMIT : undefined,
};
