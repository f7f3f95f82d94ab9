/**
 * The checks of Tykky's own suite, restated, and what we do instead of its defects: test/compat/checks.json holds what
 * each one is about and where we differ on purpose, the tests name them by their id, and scripts/compat-table.mjs
 * makes docs/compat.md of the file and a run's results.
 */
import { it } from "vitest";
import groups from "../compat/checks.json" with { type: "json" };

const CHECKS = new Map(groups.flatMap(({ checks }) => checks.map(({ id, check }) => [id, check])));

type Test = () => void | Promise<void>;

/** A test of one check. @throws when there is none of that id. */
export function check(id: string, test: Test): void;
/** A test of a part of a check, where one test would say too little when it fails. */
export function check(id: string, part: string, test: Test): void;
export function check(id: string, ...rest: [Test] | [string, Test]): void {
  const about = CHECKS.get(id);
  if (about === undefined) throw new RangeError(`test/compat/checks.json has no check ${id}`);
  const [part, test] = rest.length === 2 ? rest : [about, rest[0]];
  it(`${id}: ${part}`, test);
}

/**
 * What several checks look at, made by the first that asks. A failure is the failure of all of them, so that each
 * check has a result of its own, whatever ran before it.
 */
export function once<T>(make: () => T): () => T {
  let made: { value: T } | { error: unknown } | undefined;
  return () => {
    if (made === undefined) {
      try {
        made = { value: make() };
      } catch (error) {
        made = { error };
      }
    }
    if ("error" in made) throw made.error;
    return made.value;
  };
}
