# Describes a base: a line "top NAME" for each name directly below / that is a link or has something in it, and
# "glibc VERSION" where the C library is glibc, "path PATH" and "libraries LD_LIBRARY_PATH" as the base itself sets
# them. Run in a base by sh -c.
# shellcheck shell=sh
for d in /*; do
  if [ -L "$d" ]; then
    printf 'top %s\n' "${d#/}"
    continue
  fi
  [ -d "$d" ] || continue
  for e in "$d"/* "$d"/.[!.]*; do
    if [ -e "$e" ] || [ -L "$e" ]; then
      printf 'top %s\n' "${d#/}"
      break
    fi
  done
done
printf 'path %s\n' "$PATH"
printf 'libraries %s\n' "${LD_LIBRARY_PATH-}"
getconf GNU_LIBC_VERSION 2>/dev/null
exit 0
