# Runs the post-link (or pre-unlink) scripts of conda packages inside the base, in the order of the list, as conda does
# (conda-build documentation, "Adding pre-link, post-link, and pre-unlink scripts").
# Arguments: ROOT LIST [pre-unlink]; a line of LIST is NAME, VERSION and BUILD NUMBER, separated by tabs.
# shellcheck shell=sh
root=$1
list=$2
kind=${3-post-link}
tab=$(printf '\t')
export PREFIX="$root" ROOT_PREFIX="$root" PATH="$root/bin:$PATH"
while IFS=$tab read -r PKG_NAME PKG_VERSION PKG_BUILDNUM <&3; do
  export PKG_NAME PKG_VERSION PKG_BUILDNUM
  script=$root/bin/.$PKG_NAME-$kind.sh
  if command -v bash >/dev/null 2>&1; then bash "$script" </dev/null; else sh "$script" </dev/null; fi || {
    status=$?
    printf '%s\n' "the $kind script of $PKG_NAME $PKG_VERSION ended with status $status" >&2
    exit "$status"
  }
  # What it wants the user to read.
  if [ -s "$root/.messages.txt" ]; then
    cat "$root/.messages.txt"
    rm -f "$root/.messages.txt"
  fi
done 3<"$list"
