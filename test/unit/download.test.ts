import { describe, expect, it } from "vitest";
import { retryDelayMs } from "../../src/host/download.ts";
import { proxyUrl } from "../../src/host/http-agent.ts";

const NOW = Date.parse("Wed, 21 Oct 2015 07:28:00 GMT");

describe("the pause before another attempt", () => {
  it.each([
    ["after the first", 1, undefined, 500],
    ["after the fourth", 4, undefined, 4000],
    ["never long", 20, undefined, 30_000],
    ["asked for in seconds", 1, "7", 7000],
    ["asked for as none", 3, "0", 0],
    ["asked for as a date", 1, "Wed, 21 Oct 2015 07:28:05 GMT", 5000],
    ["asked for as a date that is over", 1, "Wed, 21 Oct 2015 07:00:00 GMT", 0],
    ["asked for as a day", 1, "86400", 120_000],
    ["asked for in no known form", 2, "soon", 1000],
    ["asked for as nothing", 2, " ", 1000],
  ])("%s", (_what, attempt, retryAfter, ms) => expect(retryDelayMs(attempt, retryAfter, NOW)).toBe(ms));
});

describe("the proxy", () => {
  it.each([
    ["none", {}, "https", ""],
    ["the scheme's own", { https_proxy: "http://a:1", http_proxy: "http://b:1" }, "http", "http://b:1"],
    ["not the other scheme's", { https_proxy: "http://a:1" }, "http", ""],
    ["lower case first", { HTTPS_PROXY: "http://a:1", https_proxy: "http://b:1" }, "https", "http://b:1"],
    ["upper case", { HTTPS_PROXY: "http://a:1" }, "https", "http://a:1"],
    ["switched off", { HTTPS_PROXY: "http://a:1", https_proxy: "", ALL_PROXY: "http://c:1" }, "https", ""],
    ["for all", { ALL_PROXY: "http://c:1" }, "http", "http://c:1"],
    ["without a scheme", { http_proxy: "me:pw@proxy:3128" }, "http", "http://me:pw@proxy:3128"],
  ] as const)("%s", (_what, environment, scheme, url) => expect(proxyUrl(environment, scheme)).toBe(url));

  it("must be an HTTP proxy", () => {
    expect(() => proxyUrl({ all_proxy: "socks5://me:hunter2@h:1080" }, "http")).toThrow(
      /socks5:\/\/\*\*\*@h:1080/,
    );
  });
});
