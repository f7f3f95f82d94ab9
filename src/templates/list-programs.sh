# Lists what can be called in directories, and files named one by one, as they are inside: NUL-separated triples of
# the item, a name, and its path; a triple without a path where the item is not there. Run in the base by sh -c.
# Arguments: ALL (1: also files that cannot be executed) ITEM...
# shellcheck shell=sh
all=$1
shift
list() {
  [ -f "$2" ] || return 0
  if [ -n "$all" ] || [ -x "$2" ]; then printf '%s\0%s\0%s\0' "$1" "${2##*/}" "$2"; fi
}
for item do
  item=${item%/}
  if [ -d "$item" ]; then
    for path in "$item"/*; do list "$item" "$path"; done
    printf '%s\0\0%s\0' "$item" "$item"
  elif [ -f "$item" ]; then
    printf '%s\0%s\0%s\0' "$item" "${item##*/}" "$item"
  else
    printf '%s\0\0\0' "$item"
  fi
done
