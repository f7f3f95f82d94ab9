#!/bin/sh
# conda and mamba of the hooks: hands its words to the build, which carries them out, waits, and says what came of it.
# The directory above is `conda info --base`; `requests` is beside it.
# shellcheck shell=sh
set -u
self=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
program=${0##*/}
number=0
while ! mkdir "$self/../requests/$$-$number" 2>/dev/null; do
  number=$((number + 1))
  if [ "$number" -gt 999 ]; then
    printf '%s\n' "$program: no request can be made in $self/../requests" >&2
    exit 1
  fi
done
request=$self/../requests/$$-$number
root=$(cat "$self/root")

printf '%s\0' "$program" "$PWD" "${CONDA_PREFIX-}" "$@" >"$request/words"
# What the solver goes by.
for name in CONDA_OVERRIDE_CUDA CONDA_OVERRIDE_GLIBC CONDA_OVERRIDE_LINUX CONDA_OVERRIDE_ARCHSPEC CONDA_CHANNELS; do
  # shellcheck disable=SC2046 # the names are ours
  if eval "[ -n \"\${$name+set}\" ]"; then eval "printf '%s\\0' \"$name=\$$name\""; fi
done >"$request/variables"
# The build cannot read what only the caller sees: a pipe, a file of the base.
file=0 next=
for word do
  path=
  if [ -n "$next" ]; then
    path=$word next=
  else
    case $word in
      --file | -f) next=yes ;;
      --file=*) path=${word#--file=} ;;
      -f?*) path=${word#-f} ;;
      -- | run) break ;;
    esac
  fi
  if [ -n "$path" ]; then
    if [ -r "$path" ] && [ ! -d "$path" ]; then cat -- "$path" >"$request/file-$file"; fi
    file=$((file + 1))
  fi
done
if [ "${1-} ${2-}" = 'env update' ] && [ "$file" = 0 ] && [ -r environment.yml ]; then
  cat environment.yml >"$request/file-0"
fi
: >"$request/ready"

pause=0.1
while [ ! -e "$request/done" ]; do
  sleep "$pause" 2>/dev/null || { pause=1 && sleep 1; }
done
{ IFS= read -r verb && IFS= read -r status && IFS= read -r path; } <"$request/done" || exit 1
cat "$request/stderr" >&2
case $verb in
  run)
    rm -rf "$request"
    # The environment is active in a post-install script; elsewhere it is made so, as the hook's shell does it.
    if [ "${CONDA_PREFIX-}" != "$root" ]; then
      export CONDA_PREFIX="$root" CONDA_SHLVL=1 PATH="$self/bin:$root/bin:$PATH"
      CONDA_DEFAULT_ENV=$(cat "$self/name")
      export CONDA_DEFAULT_ENV
      for script in "$root"/etc/conda/activate.d/*.sh; do
        # shellcheck disable=SC1090 # the packages' scripts
        if [ -r "$script" ]; then . "$script"; fi
      done
    fi
    shift "$status"
    if [ -n "$path" ]; then cd "$path" || exit 1; fi
    exec "$@"
    ;;
  write) cat "$request/stdout" >"$path" || status=1 ;;
  *) cat "$request/stdout" ;;
esac
rm -rf "$request"
exit "$status"
