import { expect, it } from "vitest";
import { asLines, reading } from "../../support/inputs-table.ts";

const utf16 = (text: string) => new Uint8Array(Buffer.from(text, "utf16le"));

it.each<[what: string, content: string | Uint8Array, said: string]>([
  ["an empty file", "", "- the file is empty: expected a list of packages"],
  ["a file of spaces", " \n\n", "- the file is empty: expected a list of packages"],
  [
    "a gzip archive",
    new Uint8Array([0x1f, 0x8b, 8, 0]),
    "- this is a gzip archive: expected a text file with a list of packages",
  ],
  [
    "a zip archive",
    "PK\u0003\u0004xx",
    "- this is a zip archive, wheel or .conda package: expected a text file with a list of packages",
  ],
  [
    "NUL bytes",
    "a\nb\u0000cdef",
    "2:1 this is a binary file (it holds NUL bytes): expected a text file with a list of packages",
  ],
  [
    "control characters",
    "a\u0001\u0002\u0003",
    "- this is a binary file (it holds control characters): expected a text file with a list of packages",
  ],
  ["UTF-32", new Uint8Array([0xff, 0xfe, 0, 0, 65, 0, 0, 0]), "1:1 the file is UTF-32: expected UTF-8"],
  [
    "UTF-16 without a mark",
    utf16("numpy\n"),
    "1:1 the file is UTF-16 without a byte order mark: expected UTF-8",
  ],
  [
    "half a UTF-16 character",
    new Uint8Array([0xff, 0xfe, 65]),
    "1:1 the text is not valid UTF-16LE: expected a UTF-8 text file",
  ],
  [
    "Latin-1",
    new Uint8Array([...Buffer.from("a\n# caf"), 0xe9, 0x0a]),
    "2:1 the text is not valid UTF-8: expected a UTF-8 text file",
  ],
  [
    "a huge file",
    "a\n".repeat(1.5 * 1024 * 1024),
    "- the file has 3.0 MiB, more than any list of packages: expected at most 2048 KiB",
  ],
])("%s is refused", (_what, content, said) => {
  for (const [kind, file] of [
    ["pip", "r.txt"],
    ["conda", "l.txt"],
    ["conda", "e.yml"],
  ] as const) {
    const { value, diagnostics } = reading(kind, file, content);
    expect(value).toBeUndefined();
    expect(asLines(diagnostics, file)).toEqual([`error ${said}`]);
  }
});

it("an unknown coding comment is refused", () => {
  const { diagnostics } = reading("pip", "r.txt", "# coding: klingon\nsix\n");
  expect(diagnostics[0]?.message).toBe(
    'unknown text encoding "klingon" in the coding comment: expected utf-8',
  );
});

it.each([
  ["UTF-8 with a mark and CRLF", new Uint8Array(Buffer.from("\ufeffsix\r\nattrs\r\n"))],
  ["UTF-16 with a mark", utf16("\ufeffsix\r\nattrs\r\n")],
])("%s is read", (_what, bytes) => {
  const { value, diagnostics } = reading("pip", "r.txt", bytes);
  expect(diagnostics).toEqual([]);
  expect(value).toMatchObject({ requirements: [{ text: "six" }, { text: "attrs", line: 2 }] });
});
