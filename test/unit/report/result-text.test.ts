import { describe, expect, it } from "vitest";
import { shellQuote } from "../../../src/prefix/shell-data.ts";
import { resultText } from "../../../src/report/result-text.ts";

const result = (commands: string[], older = { count: 0, bytes: 0 }, bin = "/p/bin") =>
  resultText(
    {
      root: "/p/env",
      bin,
      generation: 2,
      commands,
      imageSize: 123_456_789,
      older,
      seconds: 75,
      manifest: { base: { source: "host" }, packages: [1, 2, 3] },
    },
    shellQuote,
  );

describe("the end of a build", () => {
  it("says what was made and how to use it", () => {
    expect(result(["pip", "python3"])).toBe(`[ INFO ] Done, duration: 1 min 15 s
         2 commands, 3 packages, image 123 MB, base host, generation 2
         Installed in /p/env; start a program directly:
             /p/bin/python3
         or put all of them on your PATH:
             export PATH="/p/bin:$PATH"
`);
  });

  it("names the first command where there is no Python", () => {
    expect(result(["samtools", "zzz"])).toContain("             /p/bin/samtools\n");
  });

  it.each([
    ["/p q/bin", "'/p q/bin/python3'", 'export PATH="/p q/bin:$PATH"'],
    ["/p'q/bin", "'/p'\\''q/bin/python3'", `export PATH="/p'q/bin:$PATH"`],
    ["/p$(id)/bin", "'/p$(id)/bin/python3'", `export PATH='/p$(id)/bin':"$PATH"`],
  ])("can be typed as it is shown, with %s", (bin, program, line) => {
    const text = result(["python3"], undefined, bin);
    expect(text).toContain(`             ${program}\n`);
    expect(text).toContain(`             ${line}\n`);
  });

  it("says what older generations take when there are several", () => {
    expect(result(["python3"], { count: 3, bytes: 90_000_000 })).toContain(
      "generation 2\n         3 older generations are kept (90 MB); each goes 14 days after it was replaced\n",
    );
  });
});
