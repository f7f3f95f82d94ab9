#!/bin/sh
# A real container registry on a free port of the loopback address, for tests of pulled bases.
#
#   registry.sh start DIRECTORY                    starts it; its data, log and pid are in DIRECTORY; prints HOST:PORT
#   registry.sh push DIRECTORY SOURCE NAME:TAG     pushes a root tree, a SIF or an OCI layout (oci:PATH:TAG); prints its docker:// URI
#   registry.sh push-sif DIRECTORY SIF NAME:TAG    pushes a SIF as it is; prints its oras:// URI
#   registry.sh stop DIRECTORY                     ends it, if it runs; the directory stays
#
# It speaks plain HTTP: pull with APPTAINER_NOHTTPS=1. RUNTIME names the apptainer or singularity to use.
set -eu

fail() {
  printf 'registry: %s\n' "$*" >&2
  exit 1
}
usage() { sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' "$0"; }
require() {
  for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 || fail "$program is missing: scripts/host-setup.sh test-tools"
  done
}
running() { [ -s "$directory/pid" ] && kill -0 "$(cat "$directory/pid")" 2>/dev/null; }
address() {
  running || fail "no registry runs in $directory"
  cat "$directory/address"
}

start() {
  require docker-registry
  mkdir -p "$directory"
  if running; then
    address
    return
  fi
  cat >"$directory/config.yml" <<CONFIG
version: 0.1
log: { level: info, formatter: text }
storage:
  filesystem: { rootdirectory: '$(printf '%s' "$directory" | sed "s/'/''/g")/data' }
  delete: { enabled: true }
http: { addr: '127.0.0.1:0' }
CONFIG
  # Not a child that whoever waits for this script's output would wait for.
  setsid docker-registry serve "$directory/config.yml" </dev/null >"$directory/log" 2>&1 &
  echo $! >"$directory/pid"
  # The system chose the port: the registry's log says which.
  for _ in $(seq 100); do
    found=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$directory/log" | head -n 1)
    if [ -n "$found" ]; then
      echo "$found" | tee "$directory/address"
      return
    fi
    running || break
    sleep 0.1
  done
  tail -n 3 "$directory/log" >&2
  fail "docker-registry did not start; see $directory/log"
}

stop() {
  if running; then
    pid=$(cat "$directory/pid")
    kill "$pid"
    for _ in $(seq 100); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.05
    done
  fi
  rm -f "$directory/pid" "$directory/address"
}

# push SOURCE NAME:TAG
push() {
  require skopeo umoci unsquashfs
  target=$(address)/$2
  work=$(mktemp -d "$directory/push.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  case $1 in
    oci:*) source=$1 ;;
    *)
      tree=$1
      if [ -f "$1" ]; then
        tree=$work/tree
        # Not by the runtime, which unpacks nothing as root in a container.
        offset=$("$runtime" sif list "$1" | sed -n 's/.*|\([0-9]*\)-[0-9]* *|FS (Squashfs.*/\1/p' | head -n 1)
        unsquashfs -quiet -no-progress -offset "${offset:-0}" -dest "$tree" "$1" >/dev/null || fail "$1 could not be unpacked"
      fi
      if [ ! -d "$tree" ]; then fail "$1 is not a directory, a SIF or oci:PATH:TAG"; fi
      umoci init --layout "$work/oci"
      umoci new --image "$work/oci:1"
      if [ "$(id -u)" = 0 ]; then rootless=; else rootless=--rootless; fi
      umoci insert $rootless --image "$work/oci:1" "$tree" /
      source=oci:$work/oci:1
      ;;
  esac
  # An insecure policy, because the loopback registry signs nothing.
  skopeo --insecure-policy copy --quiet --dest-tls-verify=false "$source" "docker://$target" >&2
  echo "docker://$target"
}

# push_sif SIF NAME:TAG
push_sif() {
  target=$(address)/$2
  APPTAINER_NOHTTPS=1 SINGULARITY_NOHTTPS=1 "$runtime" -s push --allow-unsigned "$1" "oras://$target" >&2
  echo "oras://$target"
}

if [ $# -lt 2 ]; then
  usage >&2
  exit 2
fi
command=$1
directory=$2
shift 2
case $directory in /*) ;; *) directory=$PWD/$directory ;; esac
runtime=${RUNTIME:-$(command -v apptainer || command -v singularity || echo apptainer)}
case $command:$# in
  start:0) start ;;
  stop:0) stop ;;
  push:2) push "$@" ;;
  push-sif:2) push_sif "$@" ;;
  *)
    usage >&2
    exit 2
    ;;
esac
