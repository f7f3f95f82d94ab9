#!/bin/sh
# Installs the tool's npm dependencies where they are missing or not those of package-lock.json, and bundles it into dist/.
set -eu

cd "$(dirname "$0")/.."
log=$(mktemp "${TMPDIR:-/tmp}/kapseli-build-tool.XXXXXX")
trap 'rm -f "$log"' EXIT

quietly() {
  if "$@" >"$log" 2>&1 </dev/null; then return 0; fi
  cat "$log" >&2
  return 1
}

# No install scripts: none is needed, and npm may be configured to refuse them.
if [ ! -e node_modules/.package-lock.json ] || ! npm ls --all >/dev/null 2>&1; then
  quietly npm ci --ignore-scripts --no-audit --no-fund
fi
quietly npm run build
echo "built the tool in $(pwd -P)"
