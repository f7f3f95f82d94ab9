#!/bin/sh
# Makes a small conda channel of real packages in a directory, for machines that reach package registries but no channel.
#
#   make-channel.sh [--small] DIRECTORY
#
#   --small   only python, pip, setuptools, wheel, numpy and cowsay
#
# Python comes from Debian's packages, the rest from PyPI wheels and from packages/ beside this script; py-rattler indexes them.
# A directory that holds a complete channel of this recipe already is left as it is.
# KAPSELI_TEST_CACHE keeps the downloads and a private Python environment between runs (~/.cache/kapseli-test).
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
cache=${KAPSELI_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/kapseli-test}

fail() {
  printf 'make-channel: %s\n' "$*" >&2
  exit 1
}

size=full
case ${1:-} in
  --small)
    size=small
    shift
    ;;
  -h | --help)
    sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' "$0"
    exit 0
    ;;
esac
# Every user may use a channel, whatever the umask of who makes it.
umask 022
if [ $# != 1 ]; then
  echo 'usage: make-channel.sh [--small] DIRECTORY' >&2
  exit 2
fi
channel=$1

# A channel is complete when its marker names this recipe; a full one serves for a small one.
recipe=$(cd "$here" && find . -name __pycache__ -prune -o -type f -print | LC_ALL=C sort | tr '\n' '\0' | xargs -0 sha256sum | sha256sum | cut -c 1-32)
made=$(cat "$channel/.kapseli-channel" 2>/dev/null || true)
case $made in "$recipe full" | "$recipe $size") exit 0 ;; esac
if [ -z "$made" ] && [ -d "$channel" ] && [ -n "$(ls -A "$channel")" ]; then
  fail "$channel holds something that is not a channel of this program"
fi

# The first Python that can make a venv; Debian's first, because every user can read that one.
python=
for candidate in /usr/bin/python3 python3; do
  if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  fail 'a Python >= 3.10 with venv is needed: scripts/host-setup.sh python'
fi
mkdir -p "$cache"

# Two at once would write the same downloads.
exec 9>"$cache/lock"
flock 9

# What the channel is made with; a change of the list makes a new environment.
requirements="$here/requirements.txt"
tools=$cache/channel-tools-$(sha256sum "$requirements" | cut -c 1-16)
if [ ! -e "$tools/complete" ]; then
  rm -rf "$tools"
  "$python" -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
  : >"$tools/complete"
fi

case $channel in /*) ;; *) channel=$PWD/$channel ;; esac
mkdir -p "$(dirname "$channel")"
new=$channel.new.$$
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
PYTHONDONTWRITEBYTECODE=1 "$tools/bin/python" "$here/make_channel.py" --size "$size" --cache "$cache" "$new"
rm -rf "$new/.tmp"
printf '%s %s\n' "$recipe" "$size" >"$new/.kapseli-channel"
rm -rf "$channel"
mv "$new" "$channel"
