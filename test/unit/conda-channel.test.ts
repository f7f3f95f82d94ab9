import { describe, expect, it } from "vitest";
import {
  type CondarcChannels,
  channelSettings,
  channelUrls,
  DEFAULT_CHANNEL_ALIAS,
} from "../../src/tools/conda-channel.ts";

const urls = (channel: string, environment: Record<string, string> = {}, condarc: CondarcChannels = {}) =>
  channelUrls(channel, channelSettings({ HOME: "/home/me", ...environment }, condarc, "/here"));

describe("where a channel is", () => {
  it.each([
    ["conda-forge", `${DEFAULT_CHANNEL_ALIAS}/conda-forge`],
    ["  conda-forge/ ", `${DEFAULT_CHANNEL_ALIAS}/conda-forge`],
    ["conda-forge/label/dev", `${DEFAULT_CHANNEL_ALIAS}/conda-forge/label/dev`],
    ["conda-forge/linux-64", `${DEFAULT_CHANNEL_ALIAS}/conda-forge`],
    ["conda-forge[linux-64,noarch]", `${DEFAULT_CHANNEL_ALIAS}/conda-forge`],
    ["my channel/ä", `${DEFAULT_CHANNEL_ALIAS}/my%20channel/%C3%A4`],
    ["my%20channel", `${DEFAULT_CHANNEL_ALIAS}/my%20channel`],
    ["https://mirror.example/conda/main", "https://mirror.example/conda/main"],
    ["https://mirror.example/conda/main///", "https://mirror.example/conda/main"],
    ["https://mirror.example/main/noarch", "https://mirror.example/main"],
    ["https://mirror.example/main/linux-aarch64/", "https://mirror.example/main"],
    ["https://mirror.example/a b", "https://mirror.example/a%20b"],
    ["https://me:p%40ss@mirror.example:8443/main", "https://me:p%40ss@mirror.example:8443/main"],
    ["https://mirror.example/t/tk-1/main", "https://mirror.example/t/tk-1/main"],
    ["file:///srv/channel", "file:///srv/channel"],
    ["file:///srv/my channel/", "file:///srv/my%20channel"],
    ["/srv/channel", "file:///srv/channel"],
    ["/srv/my channel#1?/100%", "file:///srv/my%20channel%231%3F/100%25"],
    ["./channel", "file:///here/channel"],
    ["../channel/", "file:///channel"],
    ["~/channel", "file:///home/me/channel"],
  ])("%s", (channel, url) => expect(urls(channel)).toEqual([url]));

  it.each(["nodefaults", "", "defaults", "https://"])("%j is nowhere", (channel) =>
    expect(urls(channel)).toEqual([]),
  );

  it.each([
    [
      "the environment's mamba alias",
      { MAMBA_CHANNEL_ALIAS: "https://m.example/a/", CONDA_CHANNEL_ALIAS: "https://c.example" },
      {},
      "https://m.example/a/x",
    ],
    [
      "the environment's conda alias",
      { CONDA_CHANNEL_ALIAS: "https://c.example" },
      { channel_alias: "https://f.example" },
      "https://c.example/x",
    ],
    [
      "the file's alias",
      { CONDA_CHANNEL_ALIAS: "" },
      { channel_alias: "https://u:p@f.example/t/tk-1" },
      "https://u:p@f.example/t/tk-1/x",
    ],
    ["an alias without a scheme", {}, { channel_alias: "f.example/conda" }, "https://f.example/conda/x"],
    ["an alias that is a directory's URL", {}, { channel_alias: "file:///srv" }, "file:///srv/x"],
    [
      "a custom channel",
      {},
      { custom_channels: { x: "https://own.example/conda" } },
      "https://own.example/conda/x",
    ],
  ] as const)("a name goes below %s", (_what, environment, condarc, url) =>
    expect(urls("x", environment, condarc)).toEqual([url]),
  );

  it("defaults is what default_channels says", () =>
    expect(urls("defaults", {}, { default_channels: ["https://r.example/main", "r", "defaults"] })).toEqual([
      "https://r.example/main",
      `${DEFAULT_CHANNEL_ALIAS}/r`,
    ]));
});
