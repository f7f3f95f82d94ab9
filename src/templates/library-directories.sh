# Prints the directories, of those given, that hold shared libraries; NUL-separated. Run in the base by sh -c.
# shellcheck shell=sh
for directory do
  for file in "$directory"/*.so "$directory"/*.so.*; do
    if [ -e "$file" ]; then
      printf '%s\0' "$directory"
      break
    fi
  done
done
