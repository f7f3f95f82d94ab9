# Prints the names, of those given, that are no programs in the directory $0. Run in the container by sh -c.
# shellcheck shell=sh
for name do
  [ -x "$0/$name" ] || printf '%s\n' "$name"
done
