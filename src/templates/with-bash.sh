# Runs a script with bash where there is one, else with sh; the words after it are its arguments. Run by sh -c.
# shellcheck shell=sh
if command -v bash >/dev/null 2>&1; then exec bash "$@"; fi
exec sh "$@"
