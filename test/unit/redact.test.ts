import { describe, expect, it } from "vitest";
import { hiderOf, redactSecrets, redactTexts, secretValues } from "../../src/tools/redact.ts";

const TOKEN = "tk-12345678-9abc-def0-1234-56789abcdef0";

describe("secrets never show", () => {
  it.each([
    // what, text, shown
    ["user and password", "https://me:pw@host/x", "https://***@host/x"],
    ["a token as user", "https://ghp_abc@host/x", "https://***@host/x"],
    ["a raw @ in the password", "https://me:p@ss@host/x", "https://***@host/x"],
    ["an encoded password", "http://me:p%40ss@host:8080", "http://***@host:8080"],
    ["quotes in the password", "https://me:p'w@host/x", "https://***@host/x"],
    ["an empty user", "https://:pw@host/x", "https://***@host/x"],
    ["pip's VCS URLs", "git+https://me:pw@host/r.git@v1", "git+https://***@host/r.git@v1"],
    ["ssh with a password", "ssh://git:pw@host/r", "ssh://***@host/r"],
    ["upper case", "HTTPS://ME:PW@HOST/", "HTTPS://***@HOST/"],
    ["several in a line", "a://u:p@h b://u:p@h", "a://***@h b://***@h"],
    ["in JSON", '{"a":"https://u:p@h/x","b":1}', '{"a":"https://***@h/x","b":1}'],
    ["conda's token", `https://host/t/${TOKEN}/chan/linux-64`, "https://host/t/***/chan/linux-64"],
    ["conda's token below a path", "https://host/api/repo/t/abc/chan", "https://host/api/repo/t/***/chan"],
    ["conda's token last", "https://host/t/abc", "https://host/t/***"],
    ["conda's token without a scheme", `host/t/${TOKEN}/chan`, "host/t/***/chan"],
    ["?token=", "https://h/x?token=abc&b=1", "https://h/x?token=***&b=1"],
    ["&access_token=", "https://h/x?a=1&access_token=abc", "https://h/x?a=1&access_token=***"],
    ["&sig=", "https://h/x?se=2030&sig=a%2Bb#f", "https://h/x?se=2030&sig=***#f"],
    [
      "a signed S3 URL",
      "https://h/x?X-Amz-Signature=ab&X-Amz-Date=1",
      "https://h/x?X-Amz-Signature=***&X-Amz-Date=1",
    ],
    ["?api_key=", "https://h/x?api_key=abc", "https://h/x?api_key=***"],
    ["basic authorization", "Authorization: Basic bWU6cHc=", "Authorization: Basic ***"],
    ["bearer authorization", '"authorization":"Bearer abc.def"', '"authorization":"Bearer ***"'],
  ])("%s", (_what, text, shown) => {
    expect(redactSecrets(text)).toBe(shown);
    expect(redactSecrets(shown)).toBe(shown);
  });

  it.each([
    ["a plain URL", "https://host/conda-forge/linux-64/repodata.json?x=1"],
    ["a mail address", "ask me@host.org or see https://host/docs"],
    ["a mail address after a URL's path", "https://host/a@b"],
    ["git over ssh", "git+ssh://git@host/r.git"],
    ["a local path with t in it", "/scratch/t/data"],
    ["a file URL with t in it", "file:///home/t/channel"],
    ["a package pin", "numpy==1.26 --hash=sha256:ab"],
    ["a word with token in it", "tokenizers=0.15"],
  ])("%s stays as it is", (_what, text) => expect(redactSecrets(text)).toBe(text));

  it.each([
    ["a given value", "pw is s3cr3t.", ["s3cr3t"], "pw is ***."],
    ["every time", "x x", ["x"], "*** ***"],
    ["its percent-encoded form", "a%2Fb and a/b", ["a/b"], "*** and ***"],
    ["the longest first", "abcdef", ["abc", "abcdef"], "***"],
    ["as text, not as a pattern", "a.c abc $&", ["a.c", "$&"], "*** abc ***"],
    ["empty values are nothing", "abc", ["", ""], "abc"],
  ])("%s", (_what, text, secrets, shown) => expect(redactSecrets(text, secrets)).toBe(shown));

  it("takes a long text without a URL in linear time", () => {
    const text = `${"a".repeat(500_000)}://${"b".repeat(500_000)}?${"t".repeat(500_000)}`;
    expect(redactSecrets(text)).toBe(text);
  });
});

describe("the secrets of an environment", () => {
  it("are the values of variables that are called so, and passwords in addresses", () => {
    expect(
      secretValues({
        MY_API_TOKEN: "token-01",
        UV_INDEX_OTHER_PASSWORD: "password",
        AWS_SECRET_ACCESS_KEY: "access-key",
        GITHUB_PAT: "github-pat",
        PRIVATE_KEY: "-----BEGIN\nfirst-line\n\n",
        PIP_INDEX_URL: "https://me:p%40ssword@host/simple",
        PATH: "/usr/bin:/bin",
        TOKENIZERS_PARALLELISM: "false-as-ever",
        SSH_TOKEN: "/run/user/token",
        SHORT_TOKEN: "a1b2",
        SWITCHED_TOKEN: "true",
        WITHOUT_PASSWORD: "None",
        YEAR_TOKEN: "2024",
        THREE_TOKEN: "abc",
        PIN_TOKEN: "81276",
        EMPTY_TOKEN: "",
      }),
    ).toEqual([
      "token-01",
      "password",
      "access-key",
      "github-pat",
      "-----BEGIN",
      "first-line",
      "p%40ssword",
      "p@ssword",
      "a1b2",
      "81276",
    ]);
  });

  it("that are short are hidden as words, and leave words that hold them as they are", () => {
    const hide = hiderOf(["test", "a:b1"]);
    expect(hide("the latest test_1 of tests: test, 'test' (test) u:test@host %3Atest")).toBe(
      "the latest test_1 of tests: ***, '***' (***) u:***@host %3A***",
    );
    expect(hide("a:b1 xa:b1 /a%3Ab1/")).toBe("*** xa:b1 /***/");
  });
});

describe("a value with texts in it", () => {
  it("keeps its form, whatever quotes stand around the secrets", () => {
    const value = {
      list: ['curl -H "Authorization: Bearer abc"', { file: "https://u:p@h/x" }],
      number: 3,
      none: null,
      missing: undefined,
    };
    expect(redactTexts(value)).toEqual({
      list: ['curl -H "Authorization: Bearer ***"', { file: "https://***@h/x" }],
      number: 3,
      none: null,
      missing: undefined,
    });
  });
});
