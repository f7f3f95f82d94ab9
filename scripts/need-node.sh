#!/bin/sh
# Ends with 4, and says what to ask for, where there is no Node.js that can build the tool.
set -eu
# shellcheck disable=SC2016 # JavaScript
if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' 2>/dev/null ||
  ! command -v npm >/dev/null 2>&1; then
  echo 'This needs Node.js 20 or newer with npm, first on PATH. Ask the administrator of this machine to install it,' >&2
  echo 'or unpack it from https://nodejs.org/en/download and put its bin directory on PATH.' >&2
  exit 4
fi
