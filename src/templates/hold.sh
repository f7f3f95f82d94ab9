# The main process of a container that is held open for others to join (kapseli warm). Its end unmounts the image, so
# after its owner it stays for as long as a process uses the container. Run by /bin/sh -c in the container, with, as
# arguments, this text once more, the holder's directory, the owner's pid and start time in clock ticks, and the
# directories that are to go with it when they are empty, the innermost first.
# It says its pid, and goes on when it is told that the record is in place.
# shellcheck shell=sh
# shellcheck disable=SC3013 # -ef is in all of these shells
if [ -z "${BASH_VERSION-}" ] && command -v bash >/dev/null 2>&1; then
  # Of the shells that are everywhere only bash waits for a second without starting a process.
  exec bash -p -c "$1" "$0" "$@"
fi
holder=$2 owner=$3 start=$4
shift 4
over=
trap 'over=1' HUP INT QUIT TERM
# A job may be sent these for its programs.
trap '' USR1 USR2 ALRM
cd / || exit 1
# An isolated container may not have it.
if [ ! -d "${holder%/*}" ]; then
  printf '%s\n' "the directory ${holder%/*} is not visible in the container" >&2
  exit 1
fi

# A second; less when a signal comes.
if [ -n "${BASH_VERSION-}" ]; then
  # A pipe that nobody writes to; other shells do not parse this.
  eval 'exec 9<> <(:)'
  # shellcheck disable=SC3045
  pause() { read -r -t 1 -u 9 _; }
else
  pause() { sleep 1; }
fi

# Whether the owner still runs: field 22 of /proc/PID/stat, of which the second may hold blanks.
owned() {
  line=
  { read -r line <"/proc/$owner/stat"; } 2>/dev/null || return 1
  # shellcheck disable=SC2086 # numbers and one letter
  set -- ${line##*')' }
  [ "${1-Z}" != Z ] && [ "${20-}" = "$start" ]
}

# Removes the marks of starts that are done: in here, or gone.
tidy() {
  set --
  for mark in "$holder/starts.$$"/*; do
    process=/proc/${mark##*/}
    if [ -e "$mark" ] && { [ ! -e "$process" ] || [ "$process/ns/mnt" -ef "/proc/$$/ns/mnt" ]; }; then
      set -- "$@" "$mark"
    fi
  done
  [ "$#" = 0 ] || rm -f -- "$@"
}

# Whether a process of this user's is in this container, or about to be: one that has found the record before it was
# taken away. That one is waited for during a minute; it may have stopped.
rounds=0
used() {
  for process in /proc/[0-9]*; do
    if [ "$process" != "/proc/$$" ] && [ "$process/ns/mnt" -ef "/proc/$$/ns/mnt" ]; then return 0; fi
  done
  [ "$rounds" -lt 60 ] || return 1
  rounds=$((rounds + 1))
  for mark in "$holder/starts.$$"/*; do
    if [ -e "/proc/${mark##*/}" ] && [ -e "$mark" ] && [ ! -s "$mark" ]; then return 0; fi
  done
  return 1
}

printf '%s\n' "$$"
go=
read -r go
exec </dev/null >/dev/null 2>&1
if [ "$go" = go ]; then
  # A file `over` beside it is how deactivating ends it.
  while [ -z "$over" ] && [ ! -e "${holder%/*}/over" ] && [ -f "$holder/record" ] && owned; do
    tidy
    pause
  done
  # Out of the way of a new one, which may be wanted while this one is still used.
  rm -f -- "$holder/record" "$holder.claim"
  if mv -- "$holder" "$holder.$$"; then holder=$holder.$$; fi
  while used; do pause; done
fi
rm -rf -- "$holder"
if [ "$#" -gt 0 ]; then
  rm -f -- "${holder%/*}/over"
  rmdir -- "$@" 2>/dev/null
fi
exit 0
