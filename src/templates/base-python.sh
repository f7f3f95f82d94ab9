# Lets the first python3 on PATH run the Python program in $0. Run in a base by sh -c.
# shellcheck shell=sh
exec python3 -E -s -c "$0"
