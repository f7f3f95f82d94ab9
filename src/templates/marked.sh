# Runs a script between two marks, so that what was printed before (by an environ script, by a base's own scripts) is
# not taken for its answer. Run by sh -c. Arguments: MARK (as $0) SCRIPT NAME ARGUMENT...
# shellcheck shell=sh
printf '%s' "$0"
/bin/sh -c "$@"
__k_status=$?
printf '%s' "$0"
exit "$__k_status"
