// Bundles the tool into four parts, because reading and parsing them is what a start of it costs: the command lines,
// which every start needs; what makes plans; the work behind them; what downloads. Unbundled they would be two thousand
// files. A small file, tool-loader.cjs, loads them.
// node scripts/bundle.mjs [OUTFILE [ENTRY]]   OUTFILE ends in .cjs; the parts are beside it
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const project = fileURLToPath(new URL("..", import.meta.url));
const outfile = resolve(process.argv[2] ?? `${project}dist/kapseli.cjs`);
const entry = resolve(project, process.argv[3] ?? "src/main.ts");
const partFile = (part) => join(dirname(outfile), `kapseli-${part}.part`);

const { version } = JSON.parse(readFileSync(`${project}package.json`, "utf8"));

/** What git says of this clone; empty where there is no clone or no git. */
const git = (...args) => {
  const ran = spawnSync("git", args, { cwd: project, encoding: "utf8" });
  return ran.status === 0 ? ran.stdout.trim() : "";
};

// CommonJS: its loader asks the file system for half of what the other one does, and starts faster.
const common = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "none",
  metafile: true,
  absWorkingDir: project,
  // `import()` becomes require().
  supported: { "dynamic-import": false },
  loader: { ".sh": "text", ".py": "text" },
  // Only for bills of materials in XML, which we do not write; the library does without it where it is missing.
  external: ["xmlbuilder2"],
  define: {
    "import.meta.url": "__url",
    KAPSELI_VERSION: JSON.stringify(version),
    KAPSELI_TAG: JSON.stringify(git("describe", "--tags", "--always")),
    KAPSELI_COMMIT: JSON.stringify(git("rev-parse", "HEAD")),
  },
  charset: "ascii",
  write: false,
  logLevel: "warning",
};

/** A module, as it is named in another part. */
const nameOf = (path) => relative(project, path);
const required = (part, name) => ({
  contents: `module.exports = __load(${JSON.stringify(part)}).modules[${JSON.stringify(name)}]()`,
  loader: "js",
});

/** What is imported when it is needed comes from another part. @param partOf which; undefined: from this one */
const lazily = (partOf, found = new Set()) => ({
  name: "lazily",
  setup(bundle) {
    bundle.onResolve({ filter: /./ }, async (asked) => {
      if (asked.kind !== "dynamic-import" || asked.pluginData === "asked") return undefined;
      const { importer, resolveDir, kind } = asked;
      const { path } = await bundle.resolve(asked.path, { importer, resolveDir, kind, pluginData: "asked" });
      if (partOf(path) === undefined) return undefined;
      found.add(path);
      return { path, namespace: "lazily" };
    });
    bundle.onLoad({ filter: /./, namespace: "lazily" }, ({ path }) => required(partOf(path), nameOf(path)));
  },
});

/** What an earlier part holds is not held twice: a class of errors is to be one, and a library is parsed once. */
const shared = (part, paths) => ({
  name: `shared with ${part}`,
  setup(bundle) {
    const namespace = part;
    bundle.onResolve({ filter: /./ }, async (asked) => {
      if (asked.pluginData === "asked" || !isOwn(asked.importer)) return undefined;
      const { importer, resolveDir, kind } = asked;
      const { path } = await bundle.resolve(asked.path, { importer, resolveDir, kind, pluginData: "asked" });
      return paths.has(path) ? { path, namespace } : undefined;
    });
    bundle.onLoad({ filter: /./, namespace }, ({ path }) => required(part, nameOf(path)));
  },
});

/** Source of a part whose `modules` are begun when they are asked for. */
const offering = (paths, more = "") => ({
  contents: [
    `module.exports.modules = {`,
    ...[...paths].map((path) => `${JSON.stringify(nameOf(path))}: () => require(${JSON.stringify(path)}),`),
    `};${more}`,
  ].join("\n"),
  resolveDir: project,
  loader: "js",
});

const isOwn = (path) => path.startsWith(`${project}src/`);
const plan = resolve(project, "src/cli/carry-out.ts");
/** What own modules import when they need it comes from one of the two later parts. */
const laterPart = (path) => {
  if (path === plan) return "plan";
  return isOwn(path) || path.includes("/execa/") ? "work" : undefined;
};

/** What an entry point is made of without what it imports when it is needed: own modules and packages that they name. */
async function modulesOf(entryPoint, late, plugins = []) {
  const { metafile } = await build({
    ...common,
    entryPoints: [entryPoint],
    plugins: [...plugins, lazily(laterPart, late)],
  });
  const paths = Object.entries(metafile.inputs).map(([path, { imports }]) => [
    resolve(project, path),
    imports,
  ]);
  const own = paths.filter(([path]) => isOwn(path) && path.endsWith(".ts"));
  // Of packages only what own modules name, the rest is theirs; and of ES modules each file has just what it needs.
  const isWhole = (path) => path.startsWith("node_modules/") && metafile.inputs[path]?.format === "cjs";
  const named = own.flatMap(([, imports]) => imports.map(({ path }) => path));
  return new Set([
    ...own.map(([path]) => path),
    ...named.filter(isWhole).map((path) => resolve(project, path)),
  ]);
}

const PARAMETERS = "exports, require, module, __filename, __dirname, __load";
const URL_OF_FILE = 'const __url = require("node:url").pathToFileURL(__filename).href;';

/** Writes the loader, with the sizes of the parts that are there. */
function writeLoader() {
  const sizes = parts
    .map((part) => [part, statSync(partFile(part), { throwIfNoEntry: false })?.size])
    .filter(([, size]) => size !== undefined);
  const loader = readFileSync(join(project, "scripts/tool-loader.cjs"), "utf8");
  const text = loader.replace(
    "const SIZES = {};",
    `const SIZES = ${JSON.stringify(Object.fromEntries(sizes))};`,
  );
  if (text === loader) throw new Error("tool-loader.cjs has no place for sizes");
  writeFileSync(outfile, text);
}

/** Writes a part as the loader reads it. */
async function writePart(part, stdin, plugins = []) {
  const { outputFiles } = await build({ ...common, stdin, plugins });
  const text = `(function (${PARAMETERS}) {${URL_OF_FILE}\n${outputFiles[0].text}\n})`;
  // The loader takes a byte for a character. esbuild leaves them in regular expressions.
  const ascii = text.replace(/[^\p{ASCII}]/gu, (one) =>
    one
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
  writeFileSync(partFile(part), `${JSON.stringify({ source: ascii.length })}\n${ascii}`);
}

mkdirSync(dirname(outfile), { recursive: true });
const parts = ["cli", "plan", "work", "http"];
for (const part of parts) rmSync(partFile(part), { force: true });

// Each once to see what it is made of, and once to offer that.
const late = new Set();
const early = await modulesOf(entry, late);
await writePart("cli", offering(early, `Object.assign(module.exports, require(${JSON.stringify(entry)}));`), [
  lazily(laterPart),
]);
const withEarly = shared("cli", early);
const planning = late.delete(plan) ? await modulesOf(plan, late, [withEarly]) : new Set();
late.delete(plan);
if (planning.size > 0) await writePart("plan", offering(planning), [withEarly, lazily(laterPart)]);
const fromNetwork = new Set();
if (late.size > 0) {
  await writePart("work", offering(late), [
    withEarly,
    shared("plan", planning),
    lazily((path) => (path.includes("/undici/") ? "http" : undefined), fromNetwork),
  ]);
}
if (fromNetwork.size > 0) await writePart("http", offering(fromNetwork));

writeLoader();
if (entry === resolve(project, "src/main.ts")) {
  const ahead = [join(project, "scripts/compile-ahead.mjs"), outfile];
  const ran = spawnSync(process.execPath, ahead, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`${ahead.join(" ")}: ${ran.stderr}`);
  writeLoader();
}
