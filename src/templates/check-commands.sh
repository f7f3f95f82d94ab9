# Prints the names, of those given, that are no programs in the directory $0; NUL-separated. Run in the container by sh -c.
# shellcheck shell=sh
for name do
  { [ -f "$0/$name" ] && [ -x "$0/$name" ]; } || printf '%s\0' "$name"
done
