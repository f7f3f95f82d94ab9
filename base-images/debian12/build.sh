#!/bin/sh
# Builds a small Debian 12 image with Python 3.11, venv and CA certificates.
#
#   build.sh OUT.sif
#
#   RUNTIME   the apptainer or singularity that packs it (default: the first on PATH)
#   TMPDIR    where the tree is made (1 GB; default /tmp); removed at any exit
#   MIRROR    the Debian mirror (default: the one that this machine's apt uses)
#
# Runs as root, or as a user with a range in /etc/subuid. Exit codes: 0 built; 2 usage; 4 something is missing here; 6 failed.
set -eu

PATH=$PATH:/usr/sbin:/sbin
suite=bookworm
packages=python3,python3-venv,ca-certificates
directory=
child=

fail() {
  code=$1
  shift
  printf 'debian12: %s\n' "$*" >&2
  exit "$code"
}

# run COMMAND...: in the background, because a shell heeds a signal only between its foreground children.
run() {
  "$@" &
  child=$!
  status=0
  wait "$child" || status=$?
  child=
  return "$status"
}

clean_up() {
  if [ -n "$child" ]; then
    kill "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  if [ -n "$directory" ]; then rm -rf "$directory"; fi
  if [ -n "${out:-}" ]; then rm -f "$out.partial.$$"; fi
}

require() {
  command -v "$1" >/dev/null 2>&1 || fail 4 "$1 is missing: install $2"
}

# The mirror of the machine's own sources, whatever their format; nothing where there are none, and mmdebstrap takes its own.
machine_mirror() {
  command -v apt-get >/dev/null 2>&1 || return 0
  # shellcheck disable=SC2016 # apt's own variables
  found=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
    awk '$2 ~ /^(bookworm|trixie|forky|sid|stable|testing|unstable)$/ { print $1; exit }')
  if [ -z "$found" ]; then
    # apt names only what it has fetched: look into the files instead.
    found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
      sed -n 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p; s/^deb[[:space:]]\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p' |
      grep -E '/debian/?$' | head -n 1)
  fi
  printf '%s\n' "$found"
}

case ${1:-} in
  -h | --help)
    sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' "$0"
    exit 0
    ;;
esac
if [ $# != 1 ]; then
  echo 'usage: build.sh OUT.sif' >&2
  exit 2
fi
out=$1

runtime=${RUNTIME:-$(command -v apptainer || command -v singularity || true)}
if [ -z "$runtime" ]; then fail 4 "no apptainer or singularity on PATH: install one, or name it in RUNTIME"; fi
require "$runtime" "Apptainer or SingularityCE"
require mmdebstrap "the package mmdebstrap"
require mksquashfs "the package squashfs-tools"
require tar "the package tar"
if [ "$(id -u)" != 0 ]; then
  require newuidmap "the package uidmap"
  grep -q -E "^($(id -un)|$(id -u)):" /etc/subuid 2>/dev/null ||
    fail 4 "$(id -un) has no range in /etc/subuid: ask the administrator for one, or build as root"
fi
if [ ! -d "$(dirname "$out")" ]; then fail 4 "the directory $(dirname "$out") does not exist"; fi
out=$(cd "$(dirname "$out")" && pwd)/$(basename "$out")

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
directory=$(mktemp -d "${TMPDIR:-/tmp}/kapseli-debian12.XXXXXX")
# mmdebstrap's helpers run as other users.
chmod 755 "$directory"

mirror=${MIRROR:-$(machine_mirror)}
# Documentation and translations are most of the files and none of the use.
run mmdebstrap --quiet --variant=minbase --include="$packages" --format=tar \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  "$suite" "$directory/tree.tar" ${mirror:+"$mirror"} 2>"$directory/log" || {
  tail -n 5 "$directory/log" >&2
  fail 6 "mmdebstrap failed${mirror:+ with the mirror $mirror}"
}

# Unpacked as this user: an image holds no owners but root, and no devices.
mkdir "$directory/tree"
run tar -x -f "$directory/tree.tar" -C "$directory/tree" --no-same-owner --exclude='./dev/*' || fail 6 "unpacking failed in $directory"
rm -f "$directory/tree.tar"
chmod -R u+rwX "$directory/tree"

TMPDIR=$directory APPTAINER_TMPDIR=$directory SINGULARITY_TMPDIR=$directory
export TMPDIR APPTAINER_TMPDIR SINGULARITY_TMPDIR
run "$runtime" build --force "$out.partial.$$" "$directory/tree" >"$directory/log" 2>&1 || {
  tail -n 5 "$directory/log" >&2
  fail 6 "$runtime could not build the image"
}
mv "$out.partial.$$" "$out"
