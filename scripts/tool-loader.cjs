// dist/kapseli.cjs: loads the parts that scripts/bundle.mjs made beside it, each when it is needed. Not by require(),
// which would read them in pieces of 8 KB and ask for other files before: slow on a parallel file system.
"use strict";
const { closeSync, openSync, readSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");

/** Bytes of each part, put in here by scripts/bundle.mjs: who knows them need not ask the file system. */
const SIZES = {};
/** Parts that were begun, by name. */
const parts = {};

function read(path, size) {
  const file = openSync(path);
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let at = 0; at < size; ) {
    const more = readSync(file, bytes, at, size - at);
    if (more === 0)
      throw new Error(`${path} is cut: it has ${at} bytes, and had ${size}; install the tool again`);
    at += more;
  }
  closeSync(file);
  return bytes;
}

/**
 * A part is a line of JSON, the source of a function, and what V8 had compiled of it (vm.Script, cachedData): that is
 * for one version of V8 and one architecture; elsewhere V8 compiles the source.
 */
function load(name) {
  if (!parts[name]) {
    const path = join(__dirname, `kapseli-${name}.part`);
    const bytes = read(path, SIZES[name]);
    const begin = bytes.indexOf(10) + 1;
    const { v8, arch, source } = JSON.parse(bytes.latin1Slice(0, begin));
    const text = bytes.latin1Slice(begin, begin + source);
    const fits = v8 === process.versions.v8 && arch === process.arch;
    const script = new Script(text, {
      filename: path,
      ...(fits ? { cachedData: bytes.subarray(begin + source) } : {}),
    });
    const part = { exports: {} };
    parts[name] = part;
    script.runInThisContext()(part.exports, require, part, path, __dirname, load);
  }
  return parts[name].exports;
}

exports.load = load;
/** What an executable in bin/ does. */
exports.main = (tool) => load("cli").main(tool);
