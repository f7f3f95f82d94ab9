#!/bin/sh
# Installs the npm dependencies where they are missing or not those of package-lock.json.
#
#   npm-dependencies.sh [--clean]
#
#   --clean  from nothing, whatever is there
set -eu

cd "$(dirname "$0")/.."
if [ "${1:-}" != --clean ] && [ -e node_modules/.package-lock.json ] && npm ls --all >/dev/null 2>&1; then
  exit 0
fi
# No install scripts: none is needed, and npm may be configured to refuse them.
exec npm ci --ignore-scripts --no-audit --no-fund
