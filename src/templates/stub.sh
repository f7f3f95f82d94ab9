#!/bin/sh
# One file behind every command of a Kapseli environment: finds the prefix it belongs to and hands over to that
# prefix's current launcher. It starts no process, but for a link into a moved prefix. The recorded prefix is put in
# when it is written.
# shellcheck disable=SC3013 # -ef is in dash, bash, ksh, zsh and busybox sh
# shellcheck disable=SC1091 # launcher.sh is generated
__k_prefix=@PREFIX@
case $0 in
  */*) __k_dir=${0%/*} ;;
  *) __k_dir=. ;;
esac
__k_here=
__k_moved=
__k_link=
case $0 in
  "$__k_prefix"/bin/*/*) ;;
  "$__k_prefix"/bin/*) __k_here=1 ;;
esac
__k_stub=$__k_dir
# A link belongs to the prefix that it leads to. All stubs of a prefix are one file, so that only for a link into
# another prefix (or where hard links are not possible) a process is started to read it.
if [ -z "$__k_here" ] && [ -L "$0" ] && [ ! "$0" -ef "$__k_prefix/bin/_debug_exec" ] &&
  [ ! "$0" -ef "$__k_prefix/bin/${0##*/}" ]; then
  __k_link=$(readlink -f -- "$0" 2>/dev/null)
  __k_stub=${__k_link%/*}
fi
# A stub that lies in another prefix (moved, copied, bound elsewhere) belongs to that one.
if [ -z "$__k_here" ] && { [ ! -L "$0" ] || [ -n "$__k_link" ]; } && [ -f "$__k_stub/../current/launcher.sh" ] &&
  [ ! "$__k_stub/../current/launcher.sh" -ef "$__k_prefix/current/launcher.sh" ]; then
  __k_moved=1 __k_prefix=$__k_stub/..
  # The runtime resolves .. as text, hence the physical path. In a working directory to which there is no way back
  # this is left out; launcher.sh says what is wrong with it.
  if [ "$PWD" -ef . ]; then
    __k_cwd=$PWD __k_old=${OLDPWD-}
    CDPATH='' command cd -P -- "$__k_prefix" && __k_prefix=$PWD
    command cd -- "$__k_cwd" || exit 1
    if [ -n "$__k_old" ]; then OLDPWD=$__k_old; else unset OLDPWD; fi
  fi
fi
if [ -r "$__k_prefix/current/launcher.sh" ]; then
  . "$__k_prefix/current/launcher.sh"
fi
printf '%s\n' "kapseli: ${0##*/}: the environment in $__k_prefix is damaged or gone (current/launcher.sh cannot be read); mend it with kapseli verify --repair $__k_prefix, build it again there, or call the command in the directory it was moved to" >&2
exit 1
