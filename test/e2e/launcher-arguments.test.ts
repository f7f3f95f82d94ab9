import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { everyWay, prepareEnvironments, sharedEnvironment } from "../support/launcher-environment.ts";
import { report } from "../support/launcher-report.ts";
import { holds, SEED, variableName, withoutNul } from "../support/properties.ts";
import { ordinary, runAs } from "../support/real.ts";

const AWKWARD: Record<string, string> = {
  "spaces and tabs": " two  spaces\tand a tab ",
  quotes: `it's "quoted" \`backquoted\``,
  newlines: "\nfirst\n\nlast\n",
  "an empty string": "",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: an argument that looks like one
  "a command substitution": "$(id) `id` ${HOME} $HOME $((1+1))",
  backslashes: "a\\b\\\\c\\n\\",
  globs: "* ? [a-z] {a,b} ~ ~root",
  "option-like words": "--pwd",
  "a dash": "-",
  "two dashes": "--",
  operators: "; touch pwned & | > pwned < /dev/null",
  "control characters": Array.from({ length: 31 }, (_, index) => String.fromCharCode(index + 1)).join(""),
  "all of the Latin-1 letters": Array.from({ length: 128 }, (_, index) =>
    String.fromCharCode(index + 128),
  ).join(""),
  "two, three and four bytes a character": "é ߿ ࠀ € ퟿ \ue000 \uffff 𐀀 😀 \u{10ffff}",
  "combining marks, not composed": "e\u0301 \u200b\ufeff",
};

const MEGABYTE = 1024 * 1024;
/** Longest single argument that Linux takes, with its NUL: MAX_ARG_STRLEN, 32 pages (man 2 execve). */
const LONGEST = 128 * 1024;

describe("arguments", () => {
  const user = ordinary();
  const environment = sharedEnvironment(user);
  beforeAll(() => prepareEnvironments(user));

  describe.each(everyWay(user))("arguments, the image mounted by $way", ({ environment: { python } }) => {
    it("arrive byte for byte, whatever is in them", () => {
      const args = Object.values(AWKWARD);
      expect(report(user, python, args).argv).toEqual(args);
    });

    it(`of any text arrive, too, and so do the values of variables (seed ${SEED})`, () => {
      const variables = fc.dictionary(variableName(), withoutNul(200), { maxKeys: 8, noNullPrototype: true });
      holds(
        8,
        fc.property(fc.array(withoutNul(200), { maxLength: 40 }), variables, (args, values) => {
          const seen = report(user, python, args, { env: values });
          expect(seen.argv).toEqual(args);
          expect(seen.environment).toMatchObject(values);
        }),
      );
    });

    it("may be none, or many empty ones", () => {
      expect(report(user, python).argv).toEqual([]);
      expect(report(user, python, Array(100).fill("")).argv).toEqual(Array(100).fill(""));
    });

    it("may have 800 KB in all, ASCII or not", () => {
      for (const letter of ["x", "é", "😀"]) {
        const one = letter.repeat(1000 / Buffer.byteLength(letter));
        expect(report(user, python, Array(800).fill(one)).argv).toEqual(Array(800).fill(one));
      }
    });

    it("of more than 1 MB are refused with a line that says what to do", () => {
      const ran = runAs(user, [python, "-c", "pass", ...Array(1100).fill("x".repeat(MEGABYTE / 1000))]);
      expect(ran.stderr).toMatch(
        /^kapseli: python3: the arguments have \d+ bytes, and the container runtime takes no more than 1 MB .*put them into a file\n$/,
      );
      expect(ran.exitCode).toBe(1);
    });

    it("may be as long as the kernel takes one; a longer one is the kernel's own error", () => {
      const longest = "x".repeat(LONGEST - 1);
      expect(report(user, python, [longest]).argv).toEqual([longest]);
      expect(() => runAs(user, ["/bin/echo", `${longest}x`])).toThrow("E2BIG");
      expect(() => runAs(user, [python, "-c", "pass", `${longest}x`])).toThrow("E2BIG");
    });
  });

  describe("bytes that are not UTF-8", () => {
    /** printf format, what the launcher is given it as. */
    const call = (line: string) =>
      runAs(user, ["sh", "-c", line, environment.python], { env: { LC_ALL: "C" } });
    const refused =
      /^kapseli: python3: an argument, the working directory or one of PATH, .* is not valid UTF-8/;
    const bad = String.raw`"$(printf 'caf\351')"`;

    it.each([
      ["an argument", `exec "$0" -c 'print(1)' ${bad}`],
      [
        "a half character split over two arguments",
        String.raw`exec "$0" -c 'print(1)' "$(printf '\303')" "$(printf '\251')"`,
      ],
      ["an argument with a surrogate", String.raw`exec "$0" -c 'print(1)' "$(printf '\355\240\200')"`],
      ["PATH", `PATH=$PATH:/opt/${bad} exec "$0" -c 'print(1)'`],
      ["HOME", `HOME=/tmp/${bad} exec "$0" -c 'print(1)'`],
      ["TMPDIR", `TMPDIR=/tmp/${bad} exec "$0" -c 'print(1)'`],
      [
        "the name of a link",
        `ln -sfn "$0" /tmp/$$-${bad}; "/tmp/$$-"${bad} -c 'print(1)'; s=$?; rm /tmp/$$-${bad}; exit $s`,
      ],
    ])("in %s are refused, never changed", (_, line) => {
      const ran = call(line);
      if (!line.includes("ln -s")) expect(ran.stderr).toMatch(refused);
      expect(ran.stderr).toContain("is not valid UTF-8");
      expect(ran.stdout).toBe("");
      expect(ran.exitCode).toBe(1);
    });

    it("in the working directory are refused, never changed", () => {
      const ran = call(
        `d=$(mktemp -d) && mkdir "$d"/${bad} && cd "$d"/${bad} && "$0" -c 'print(1)'; s=$?; cd / && rm -r "$d"; exit $s`,
      );
      expect(ran.stderr).toMatch(refused);
      expect(ran.stdout).toBe("");
      expect(ran.exitCode).toBe(1);
    });
  });

  describe("standard input", () => {
    it("is the caller's, byte for byte", () => {
      const input = Buffer.from(Array.from({ length: 256 * 1024 }, (_, index) => (index * 7) % 256));
      const ran = runAs(
        user,
        [environment.python, "-c", "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"],
        { input },
      );
      expect(ran.raw.stdout.equals(input)).toBe(true);
    });

    it("may be a script", () => {
      const ran = runAs(user, [environment.python, "-", "one"], { input: "import sys; print(sys.argv)" });
      expect(ran.stdout).toBe("['-', 'one']\n");
    });

    it.each(["<&-", ">&-", "2>&-"])("may be closed, as the other two (%s)", (closed) => {
      const line = `"$0" -c 'import os; os.mkdir(os.environ["MADE"])' ${closed}; s=$?; rmdir "$MADE"; exit $s`;
      const ran = runAs(user, ["sh", "-c", line, environment.python], {
        env: { MADE: `/tmp/kapseli-closed-${user.name}` },
      });
      expect(ran.stderr).toBe("");
      expect(ran.exitCode).toBe(0);
    });

    it("further open files reach the program", () => {
      const line = `exec "$0" -c 'import os; print(os.read(7, 99))' 7<<'END'\nseven\nEND`;
      expect(runAs(user, ["sh", "-c", line, environment.python]).stdout).toBe("b'seven\\n'\n");
    });
  });
});
