/**
 * Conda's platform directories ("subdirs").
 * Source: conda, `conda/base/constants.py`, `KNOWN_SUBDIRS`.
 */
export const CONDA_SUBDIRS: ReadonlySet<string> = new Set([
  "noarch",
  "emscripten-wasm32",
  "wasi-wasm32",
  "freebsd-64",
  "linux-32",
  "linux-64",
  "linux-aarch64",
  "linux-armv6l",
  "linux-armv7l",
  "linux-ppc64",
  "linux-ppc64le",
  "linux-riscv64",
  "linux-s390x",
  "osx-64",
  "osx-arm64",
  "win-32",
  "win-64",
  "win-arm64",
  "zos-z",
]);

/** Packages that exist for Windows only, under their conda and PyPI names; exports made on Windows hold them. */
const WINDOWS_ONLY =
  /^(?:vc|vc14_runtime|vcomp14|vs20\d\d_runtime|vs20\d\d_win-\w+|ucrt|icc_rt|wincertstore|winpty|pywinpty|pywin32|pypiwin32|windows-curses|triton-windows|console_shortcut(?:_miniconda)?|powershell_shortcut(?:_miniconda)?|msys2-conda-epoch|m2w64-[\w.-]+|m2-[\w.-]+)$/;

/** Whether a package of this name can only be installed on Windows. */
export function isWindowsOnly(name: string): boolean {
  return name.length < 100 && WINDOWS_ONLY.test(name.toLowerCase());
}
