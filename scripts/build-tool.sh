#!/bin/sh
# Bundles the tool into dist/, with the dependencies that this needs; what npm says is shown only when it fails.
set -eu

project=$(cd "$(dirname "$0")/.." && pwd -P)
log=$(mktemp "${TMPDIR:-/tmp}/kapseli-build-tool.XXXXXX")
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

quietly() {
  if "$@" >"$log" 2>&1 </dev/null; then return 0; fi
  cat "$log" >&2
  exit 1
}

quietly "$project/scripts/npm-dependencies.sh"
quietly npm --prefix "$project" run build
echo "built the tool in $project"
