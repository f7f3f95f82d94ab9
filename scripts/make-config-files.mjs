// Writes what is made from the configuration's keys (src/config/keys.ts): etc/kapseli-config.schema.json and the
// reference part of docs/configuration.md. test/unit/config/made-files.test.ts tells when it has to run.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const { outputFiles } = await build({
  stdin: {
    contents: 'export * from "./json-schema.ts"; export * from "./reference.ts";',
    resolveDir: at("src/config"),
    loader: "ts",
  },
  bundle: true,
  write: false,
  platform: "node",
  format: "esm",
  logLevel: "warning",
});
const code = Buffer.from(outputFiles[0].contents).toString("base64");
const { siteJsonSchemaText, withReference } = await import(`data:text/javascript;base64,${code}`);

writeFileSync(at("etc/kapseli-config.schema.json"), siteJsonSchemaText());
const document = at("docs/configuration.md");
writeFileSync(document, withReference(readFileSync(document, "utf8")));
