#!/bin/sh
# Lints Python files with a pinned ruff from PyPI, kept in KAPSELI_TEST_CACHE (~/.cache/kapseli-test).
#
#   lint-python.sh FILE...
#
# Only what is an error whatever one's taste: syntax, undefined and unused names (ruff's E4, E7, E9 and F).
set -eu

version=0.17.5
cache=${KAPSELI_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kapseli-test}
tools=$cache/ruff-$version

# Debian's Python first: every user can read that one.
python=python3
if [ -x /usr/bin/python3 ]; then python=/usr/bin/python3; fi

mkdir -p "$cache"
(
  flock 9
  if [ ! -e "$tools/complete" ]; then
    rm -rf "$tools"
    "$python" -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check "ruff==$version"
    : >"$tools/complete"
  fi
) 9>"$cache/ruff.lock"
exec "$tools/bin/ruff" check --isolated --no-cache --target-version py310 --select E4,E7,E9,F "$@"
