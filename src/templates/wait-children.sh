# Runs a command as the first of a container with a process namespace of its own, and ends when the last process in
# there has: the image goes away with this shell. Exit status: the command's. Run by sh -c with, as arguments, this
# text once more and the command.
# shellcheck shell=sh
if [ -z "${BASH_VERSION-}" ] && command -v bash >/dev/null 2>&1; then
  # Of the shells only bash gives SIGINT back to what runs in the background. -p: without BASH_ENV.
  exec bash -p -c "$1" "$0" "$@"
fi
shift
unset APPTAINER_PID SINGULARITY_PID
if [ "$PPID" != 1 ] && [ "$$" != 1 ]; then
  printf '%s\n' 'kapseli: run: --wait-children needs a process namespace, which this container runtime did not make' >&2
  exit 1
fi

main='' rest='' code='' signal=''
# The first signal that comes while only others are left is theirs, the second one ends everything.
pass() {
  if [ -n "$main" ]; then
    signal=$1
    kill -s "$1" "$main" 2>/dev/null
  elif [ -n "$signal" ] || [ -z "$rest" ]; then
    exit "$code"
  else
    signal=$1
    # shellcheck disable=SC2086 # numbers
    kill -s "$1" $rest 2>/dev/null
  fi
}
trap 'pass HUP' HUP
trap 'pass TERM' TERM
trap 'pass USR1' USR1
trap 'pass USR2' USR2
# From a terminal these come to every process of the group by themselves.
if (: </dev/tty) 2>/dev/null; then
  trap '[ -n "$main" ] || pass INT' INT
  trap '[ -n "$main" ] || pass QUIT' QUIT
else
  trap 'pass INT' INT
  trap 'pass QUIT' QUIT
fi

# The standard input of what runs in the background would be /dev/null.
exec 9<&0
(
  trap - HUP INT QUIT TERM USR1 USR2
  exec "$@" 9<&-
) <&9 &
main=$!
exec 9<&- </dev/null
while :; do
  signal=
  # Quiet: a shell says "Killed" here.
  wait "$main" 2>/dev/null
  code=$?
  [ -n "$signal" ] || break
done
main='' signal=''

pause=0.1
while :; do
  rest=
  for process in /proc/[0-9]*; do
    process=${process#/proc/}
    case $process in
      1 | "$$") ;;
      *) rest="$rest $process" ;;
    esac
  done
  [ -n "$rest" ] || exit "$code"
  sleep "$pause" 2>/dev/null || sleep 1
  pause=1
done
