import { describe, expect, it } from "vitest";
import { environmentDifference, packageDifference } from "../../../src/prefix/difference.ts";
import { manifestFor } from "../../support/manifest.ts";

const conda = (name: string, version: string) => ({ name, version, source: "conda" as const });
const pip = (name: string, version: string) => ({ name, version, source: "pip" as const });

describe("packages that differ", () => {
  it("are told by ecosystem and name, with both versions", () => {
    const before = [conda("numpy", "1.26"), conda("tqdm", "4.1"), pip("cowsay", "6.0")];
    const after = [conda("numpy", "2.0"), pip("six", "1.17"), pip("cowsay", "6.0")];
    expect(packageDifference(before, after)).toEqual([
      { source: "conda", name: "numpy", before: "1.26", after: "2.0" },
      { source: "conda", name: "tqdm", before: "4.1", after: undefined },
      { source: "pip", name: "six", before: undefined, after: "1.17" },
    ]);
  });

  it("are the same under every spelling of a name, but not in another ecosystem", () => {
    expect(packageDifference([pip("Ruamel.yaml", "1")], [pip("ruamel_yaml", "1")])).toEqual([]);
    expect(packageDifference([conda("six", "1")], [pip("six", "1")])).toHaveLength(2);
  });

  it("show both where there are two of one name", () => {
    expect(packageDifference([pip("a", "1"), pip("A", "2")], [pip("a", "1")])).toEqual([
      { source: "pip", name: "a", before: "1, 2", after: "1" },
    ]);
  });
});

describe("two environments", () => {
  it("that were made alike differ in nothing, whatever their times and numbers are", () => {
    const one = manifestFor("/p");
    const again = manifestFor("/p", { generation: 9, id: "x", created: "2027-01-01", seconds: { pack: 1 } });
    expect(environmentDifference(one, again)).toEqual({
      packages: [],
      settings: [],
      commands: { added: [], removed: [] },
    });
  });

  it("differ in what they were made with, by name", () => {
    const one = manifestFor("/p", {
      commands: ["a", "b"],
      inputs: [{ name: "env.yml", sha256: "1" }],
      environment: [{ name: "X", change: "set", value: "1" }],
    });
    const other = manifestFor("/p", {
      commands: ["b", "c"],
      inputs: [{ name: "env.yml", sha256: "2" }],
      environment: [{ name: "X", change: "prepend", value: "1" }],
      base: { kind: "image", source: "docker://x", shared: false, digest: "sha256:9" },
      options: { ...one.options, wrapperPaths: ["opt/bin"] },
      config: { mamba: { value: true, origin: { from: "flag", flag: "--mamba" } } },
    });
    const { settings, commands } = environmentDifference(one, other);
    expect(commands).toEqual({ added: ["c"], removed: ["a"] });
    expect(settings).toEqual([
      { name: "base", before: "host", after: "docker://x" },
      { name: "input env.yml", before: "1", after: "2" },
      { name: "variable X", before: "set 1", after: "prepend 1" },
      { name: "base digest", before: undefined, after: "sha256:9" },
      { name: "option wrapperPaths", before: undefined, after: "opt/bin" },
      { name: "config mamba", before: undefined, after: "true" },
    ]);
  });
});
