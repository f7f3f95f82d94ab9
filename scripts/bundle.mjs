// Bundles the tool into four files, because reading and parsing them is what a start of it costs: the command lines,
// which every start needs; what makes plans; the work behind them; what downloads. Unbundled they would be two thousand.
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
  // Only for bills of materials in XML, which we do not write; the library does without it where it is missing.
  external: ["xmlbuilder2"],
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

/** What is imported when it is needed comes from another file. @param fileOf which; undefined: from this one */
const lazily = (fileOf, found = new Set()) => ({
  name: "lazily",
  setup(bundle) {
    bundle.onResolve({ filter: /./ }, async (asked) => {
      if (asked.kind !== "dynamic-import" || asked.pluginData === "asked") return undefined;
      const { importer, resolveDir, kind } = asked;
      const { path } = await bundle.resolve(asked.path, { importer, resolveDir, kind, pluginData: "asked" });
      if (fileOf(path) === undefined) return undefined;
      found.add(path);
      return { path, namespace: "lazily" };
    });
    bundle.onLoad({ filter: /./, namespace: "lazily" }, ({ path }) => required(fileOf(path), nameOf(path)));
  },
});

/** What an earlier file holds is not held twice: a class of errors is to be one, and a library is parsed once. */
const shared = (file, paths) => ({
  name: `shared with ${basename(file)}`,
  setup(bundle) {
    const namespace = basename(file);
    bundle.onResolve({ filter: /./ }, async (asked) => {
      if (asked.pluginData === "asked" || !isOwn(asked.importer)) return undefined;
      const { importer, resolveDir, kind } = asked;
      const { path } = await bundle.resolve(asked.path, { importer, resolveDir, kind, pluginData: "asked" });
      return paths.has(path) ? { path, namespace } : undefined;
    });
    bundle.onLoad({ filter: /./, namespace }, ({ path }) => required(file, nameOf(path)));
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

const isOwn = (path) => path.startsWith(`${project}src/`);
const plan = resolve(project, "src/cli/carry-out.ts");
const [work, http] = [beside("work"), beside("http")];
/** What own modules import when they need it comes from one of the two later files. */
const laterFile = (path) => {
  if (path === plan) return beside("plan");
  return isOwn(path) || path.includes("/execa/") ? work : undefined;
};

/** What an entry point is made of without what it imports when it is needed: own modules and packages that they name. */
async function modulesOf(entryPoint, late, plugins = []) {
  const { metafile } = await build({
    ...common,
    entryPoints: [entryPoint],
    write: false,
    plugins: [...plugins, lazily(laterFile, late)],
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

for (const part of ["plan", "work", "http"]) rmSync(beside(part), { force: true });

// Each once to see what it is made of, and once to offer that.
const late = new Set();
const early = await modulesOf(entry, late);
await build({
  ...common,
  stdin: offering(early, `Object.assign(module.exports, require(${JSON.stringify(entry)}));`),
  outfile,
  // What an ES module that imports this may name.
  footer: { js: "0 && (module.exports = { main });" },
  plugins: [lazily(laterFile)],
});
const withEarly = shared(outfile, early);
const planning = late.delete(plan) ? await modulesOf(plan, late, [withEarly]) : new Set();
late.delete(plan);
if (planning.size > 0) {
  await build({
    ...common,
    stdin: offering(planning),
    outfile: beside("plan"),
    plugins: [withEarly, lazily(laterFile)],
  });
}
const fromNetwork = new Set();
if (late.size > 0) {
  await build({
    ...common,
    stdin: offering(late),
    outfile: work,
    plugins: [
      withEarly,
      shared(beside("plan"), planning),
      lazily((path) => (path.includes("/undici/") ? http : undefined), fromNetwork),
    ],
  });
}
if (fromNetwork.size > 0) {
  await build({ ...common, stdin: offering(fromNetwork), outfile: http });
}
