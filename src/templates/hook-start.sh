# Starts the shell of the hooks, which is bash because hooks are written for it. Run by sh -c; the words after it go
# to bash. Without one it says so in words of its own: 127 could be anybody's.
# shellcheck shell=sh
if command -v bash >/dev/null 2>&1; then exec bash --noprofile --norc "$@"; fi
printf 'kapseli: no bash in the base\n' >&2
exit 96
