import fc from "fast-check";

/** Every property begins with this seed, so that a run can be repeated; another one: KAPSELI_SEED. */
export const SEED = Number(process.env.KAPSELI_SEED ?? 20_261_121);

/** How often a property is tried, as a multiple of what its test says; more for a long search: KAPSELI_RUNS. */
const TIMES = Number(process.env.KAPSELI_RUNS ?? 1);

/** Tries a property `runs` times from the fixed seed; what fails is made small and printed with the seed. */
export function holds<T>(runs: number, property: fc.IRawProperty<T>): void {
  fc.assert(property, { seed: SEED, numRuns: runs * TIMES });
}

export async function holdsAsync<T>(runs: number, property: fc.IAsyncProperty<T>): Promise<void> {
  await fc.assert(property, { seed: SEED, numRuns: runs * TIMES });
}

/** Characters of one to four bytes of UTF-8, without lone surrogates, which no file and no argument can hold. */
const character = fc
  .oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0x80, max: 0x7ff }),
    fc.integer({ min: 0x800, max: 0xd7ff }),
    fc.integer({ min: 0xe000, max: 0x10ffff }),
  )
  .map((code) => String.fromCodePoint(code));

/** Any text. (fast-check's own characters take seconds to be made ready.) */
export const anyText = (maxLength = 60): fc.Arbitrary<string> => fc.string({ unit: character, maxLength });

/** What a shell value, an argument or a path can hold: any text without NUL. */
export const withoutNul = (maxLength = 60): fc.Arbitrary<string> =>
  fc.oneof(
    fc.string({ unit: fc.constantFrom(...SPECIAL), maxLength }),
    anyText(maxLength).map((text) => text.replaceAll("\0", "")),
  );

/** What means something to a shell, to YAML, or to one of the programs that get it. */
export const SPECIAL = [..."'\"\\$`!*?[]{}()<>|&;#~ \t\n\r=%^-+:,./@aZ0ä€😀\u0001\u007f\u2028"];

/** The name of a variable that no shell and no runtime has a use for. */
export const variableName = (): fc.Arbitrary<string> =>
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/).map((name) => `X_${name}`);

/** Texts made of pieces of a grammar, in any order: what a reader of that grammar is most likely to stumble over. */
export const madeOf = (pieces: readonly string[], most = 30): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...pieces) }, withoutNul(6)), { maxLength: most })
    .map((list) => list.join(""));
