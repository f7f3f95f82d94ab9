# Lists what can be called in directories, and files named one by one, as they are inside: NUL-separated records of
# the item, a name, its path, and "script" or "program", or "nothing" for a link that leads nowhere; one without a name
# for a directory and for a file that cannot be executed ("file"), one without a path where the item is not there. Run
# in the base by sh -c.
# Arguments: ALL (1: also files that cannot be executed) ITEM...
# shellcheck shell=sh
all=$1
shift
list() {
  if [ ! -f "$2" ]; then
    [ ! -L "$2" ] || [ -e "$2" ] || printf '%s\0%s\0%s\0nothing\0' "$1" "${2##*/}" "$2"
    return 0
  fi
  [ -n "$all" ] || [ -x "$2" ] || return 0
  first=
  { IFS= read -r first <"$2"; } 2>/dev/null
  case $first in
    '#!'*) printf '%s\0%s\0%s\0script\0' "$1" "${2##*/}" "$2" ;;
    *) printf '%s\0%s\0%s\0program\0' "$1" "${2##*/}" "$2" ;;
  esac
}
for item do
  item=${item%/}
  if [ -d "$item" ]; then
    for path in "$item"/*; do list "$item" "$path"; done
    printf '%s\0\0%s\0\0' "$item" "$item"
  elif [ -f "$item" ] && [ -z "$all" ] && [ ! -x "$item" ]; then
    printf '%s\0\0%s\0file\0' "$item" "$item"
  elif [ -f "$item" ]; then
    list "$item" "$item"
  else
    printf '%s\0\0\0\0' "$item"
  fi
done
