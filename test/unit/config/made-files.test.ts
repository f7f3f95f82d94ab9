import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { siteJsonSchema, siteJsonSchemaText } from "../../../src/config/json-schema.ts";
import { KEY_NAMES } from "../../../src/config/keys.ts";
import { referenceText, withReference } from "../../../src/config/reference.ts";
import { examineConfig } from "../../../src/config/resolve.ts";

const fileOf = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(fileOf(path), "utf8");

describe("what is made from the keys (node scripts/make-config-files.mjs)", () => {
  it("is up to date: the schema for editors", () => {
    expect(read("etc/kapseli-config.schema.json")).toBe(siteJsonSchemaText());
  });

  it("is up to date: the reference", () => {
    const document = read("docs/configuration.md");
    expect(document).toBe(withReference(document));
  });

  it("has every key", () => {
    for (const name of KEY_NAMES) expect(referenceText()).toContain(`\n| \`${name}\` | `);
  });
});

describe("the schema for editors", () => {
  const schema = z.fromJSONSchema(siteJsonSchema() as Parameters<typeof z.fromJSONSchema>[0]);

  it.each([
    "defaults: {max_num_cpus: 4, isolate: yes, mount_points: [/a], env_name: 3}",
    "defaults: {max_num_cpus: $CPUS, isolate: true, conda_engine: $ENGINE, sqfs_options: -comp zstd}",
    "defaults: {own_key: {a: b}}\nprepends: {mount_points: [/a]}\nappends:\nforce: {mount_points: }",
    "force: {extra_envs: [{name: A, value: b}, {file: /x}], post_install: [echo, {file: /y}]}",
  ])("takes %j", (text) => expect(schema.safeParse(parse(text)).success).toBe(true));

  it.each([
    "defaults: {max_num_cpus: many}",
    "defaults: {isolate: maybe}",
    "force: {conda_engine: apt}",
    "appends: {mount_points: /a}",
    "defaults: []",
    "force: {extra_envs: [{value: b}]}",
  ])("refuses %j", (text) => expect(schema.safeParse(parse(text)).success).toBe(false));
});

describe("the site files that come with the tool", () => {
  const files = readdirSync(fileOf("etc/sites"));

  it("are those that the documentation names", () => {
    expect(files.sort()).toEqual(["csc.yaml", "host.yaml", "lumi.yaml"]);
  });

  it.each(files)(
    "%s has no errors and no warnings on a host without any variable, and names its schema",
    (name) => {
      const text = read(`etc/sites/${name}`);
      const found = examineConfig({
        site: { file: name, text },
        environment: {},
        home: "/home/u",
        cwd: "/here",
        flags: {},
      });
      expect(found).toMatchObject({ errors: [], warnings: [], unset: [] });
      expect(found.config.mount_points.value.length).toBeGreaterThan(3);
      expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=../kapseli-config.schema.json");
    },
  );
});
