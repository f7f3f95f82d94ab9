# Prints the names directly below / that are links or have something in them, one a line. Run in a base by sh -c.
# shellcheck shell=sh
for d in /*; do
  if [ -L "$d" ]; then
    printf '%s\n' "${d#/}"
    continue
  fi
  [ -d "$d" ] || continue
  for e in "$d"/* "$d"/.[!.]*; do
    if [ -e "$e" ] || [ -L "$e" ]; then
      printf '%s\n' "${d#/}"
      break
    fi
  done
done
