// Bundles the tool into three files, because reading and parsing them is what a start of it costs: the command lines,
// which every start needs; the work behind them; what downloads. Unbundled they would be two thousand files.
// node scripts/bundle.mjs [OUTFILE [ENTRY]]   OUTFILE ends in .cjs; the others are beside it
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { basename, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const project = fileURLToPath(new URL("..", import.meta.url));
const outfile = resolve(process.argv[2] ?? `${project}dist/kapseli.cjs`);
const entry = resolve(project, process.argv[3] ?? "src/main.ts");
const beside = (part) => outfile.replace(/\.cjs$/, `-${part}.cjs`);

const { version } = JSON.parse(readFileSync(`${project}package.json`, "utf8"));

/** What git says of this clone; empty where there is no clone or no git. */
const git = (...args) => {
  const ran = spawnSync("git", args, { cwd: project, encoding: "utf8" });
  return ran.status === 0 ? ran.stdout.trim() : "";
};

/** Loads a file beside this one. Not by require(): it reads in pieces of 8 KB, and looks for other files before. */
function load(name) {
  module.files ??= { [require("node:path").basename(__filename)]: module };
  if (!module.files[name]) {
    const path = require("node:path").join(__filename, "..", name);
    const made = new module.constructor(path);
    made.files = module.files;
    made._compile(require("node:fs").readFileSync(path).toString(), path);
    module.files[name] = made;
  }
  return module.files[name].exports;
}

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
  define: {
    "import.meta.url": "__url",
    KAPSELI_VERSION: JSON.stringify(version),
    KAPSELI_TAG: JSON.stringify(git("describe", "--tags", "--always")),
    KAPSELI_COMMIT: JSON.stringify(git("rev-parse", "HEAD")),
  },
  banner: {
    js: `const __url = require("node:url").pathToFileURL(__filename).href;\nconst __load = ${load};`,
  },
  logLevel: "warning",
};

/** A module, as it is named in another file. */
const nameOf = (path) => relative(project, path);
const required = (file, name) => ({
  contents: `module.exports = __load(${JSON.stringify(basename(file))}).modules[${JSON.stringify(name)}]()`,
  loader: "js",
});

/** What is imported when it is needed comes from another file. @param found gets the modules */
const lazily = (file, isLazy, found) => ({
  name: "lazily",
  setup(bundle) {
    bundle.onResolve({ filter: /./ }, async (asked) => {
      if (asked.kind !== "dynamic-import" || asked.pluginData === "asked") return undefined;
      const { importer, resolveDir, kind } = asked;
      const { path } = await bundle.resolve(asked.path, { importer, resolveDir, kind, pluginData: "asked" });
      if (!isLazy(path)) return undefined;
      found.add(path);
      return { path, namespace: "lazily" };
    });
    bundle.onLoad({ filter: /./, namespace: "lazily" }, ({ path }) => required(file, nameOf(path)));
  },
});

/** What an earlier file holds is not held twice: a class of errors is to be one. */
const shared = (file, paths) => ({
  name: "shared",
  setup(bundle) {
    bundle.onResolve({ filter: /^\.\.?\// }, async (asked) => {
      if (asked.pluginData === "asked") return undefined;
      const { importer, resolveDir, kind } = asked;
      const { path } = await bundle.resolve(asked.path, { importer, resolveDir, kind, pluginData: "asked" });
      return paths.has(path) ? { path, namespace: "shared" } : undefined;
    });
    bundle.onLoad({ filter: /./, namespace: "shared" }, ({ path }) => required(file, nameOf(path)));
  },
});

/** Source of a file whose `modules` are begun when they are asked for. */
const offering = (paths, more = "") => ({
  contents: [
    `module.exports.modules = {`,
    ...[...paths].map((path) => `${JSON.stringify(nameOf(path))}: () => require(${JSON.stringify(path)}),`),
    `};${more}`,
  ].join("\n"),
  resolveDir: project,
  loader: "js",
});

for (const part of ["work", "http"]) rmSync(beside(part), { force: true });
const isOwn = (path) => path.startsWith(`${project}src/`);

// Once to see what the command lines are made of, and once to offer that.
const late = new Set();
const first = await build({
  ...common,
  entryPoints: [entry],
  write: false,
  plugins: [lazily(beside("work"), isOwn, late)],
});
const early = new Set(
  Object.keys(first.metafile.inputs)
    .map((path) => resolve(project, path))
    .filter((path) => isOwn(path) && path.endsWith(".ts")),
);
await build({
  ...common,
  stdin: offering(early, `Object.assign(module.exports, require(${JSON.stringify(entry)}));`),
  outfile,
  // What an ES module that imports this may name.
  footer: { js: "0 && (module.exports = { main });" },
  plugins: [lazily(beside("work"), isOwn, new Set())],
});
const fromNetwork = new Set();
if (late.size > 0) {
  await build({
    ...common,
    stdin: offering(late),
    outfile: beside("work"),
    plugins: [
      shared(outfile, early),
      lazily(beside("http"), (path) => path.includes("/undici/"), fromNetwork),
    ],
  });
}
if (fromNetwork.size > 0) {
  await build({ ...common, stdin: offering(fromNetwork), outfile: beside("http") });
}
