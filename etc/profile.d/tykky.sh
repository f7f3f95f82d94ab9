# tykky activate NAME|DIR, tykky deactivate: an environment's commands on PATH, and off it again. The same with kapseli for
# tykky; whatever else kapseli is called with goes to the executable.
#
# To be sourced by bash, zsh, ksh93, mksh, dash or busybox sh. Puts the tools (bin/ of the same installation) on PATH too.
# mksh, dash and busybox sh cannot tell where a sourced file is: there KAPSELI_ROOT names the installation.
#
# POSIX sh. No word is split and no pattern is expanded to files, so IFS and noglob do not matter; zsh's options are set
# to sh's for the time of a call. Every name begins with __tykky_, because not all of these shells have local variables.
# shellcheck shell=sh
# shellcheck disable=SC3013 # -ef is in all of these shells

tykky() {
  [ -z "${ZSH_VERSION-}" ] || emulate -L sh 2>/dev/null || :
  case ${1-} in
    activate)
      shift
      if [ "${1-}" = -- ]; then shift; fi
      if [ -z "${1-}" ]; then
        __tykky_say 'ERROR: activate needs the name or the directory of an environment' >&2
        return 1
      fi
      if [ "$#" -gt 1 ]; then
        __tykky_say 'ERROR: activate takes one environment; a name with spaces needs quotes' >&2
        return 1
      fi
      __tykky_activate "$1"
      ;;
    deactivate) __tykky_deactivate ;;
    *)
      __tykky_say 'usage: tykky activate NAME|DIR   the commands of an environment first in PATH'
      __tykky_say '       tykky deactivate          and away again'
      ;;
  esac
}

# Only a function can change the shell that calls it; help is the executable's.
kapseli() {
  case ${1-}:${2-} in
    *activate:-h | *activate:--help) command kapseli "$@" ;;
    activate:* | deactivate:*) tykky "$@" ;;
    *) command kapseli "$@" ;;
  esac
}

# Whether PATH has the executable: `command -v` would find the function, and to pass over that some shells fork.
__tykky_has_kapseli() {
  __tykky_rest=${PATH-}:
  while [ -n "$__tykky_rest" ]; do
    __tykky_candidate=${__tykky_rest%%:*}/kapseli
    __tykky_rest=${__tykky_rest#*:}
    if [ -f "$__tykky_candidate" ] && [ -x "$__tykky_candidate" ]; then return 0; fi
  done
  return 1
}

# Prints a line as it is. mksh has no printf of its own; echo would change backslashes.
# shellcheck disable=SC3045 # print is mksh's
__tykky_say() {
  case ${KSH_VERSION-} in
    '@(#)MIRBSD'*) print -r -- "$1" ;;
    *) printf '%s\n' "$1" ;;
  esac
}

# A prefix of Kapseli's, also one whose environment is in PREFIX/env, or one of Tykky's.
__tykky_is_environment() {
  [ -d "$1/bin" ] && {
    [ -f "$1/current/launcher.sh" ] || [ -f "$1/common.sh" ] ||
      { [ -f "$1/env/current/launcher.sh" ] && [ "$1/bin" -ef "$1/env/bin" ]; }
  }
}

# Sets __tykky_found to the environment that is meant; 1 and a message when there is none.
__tykky_find() {
  __tykky_found=
  # A directory of that name that is no environment: only for the message.
  __tykky_other=
  case $1 in
    */* | . | ..)
      __tykky_candidate=$1
      # cd and the tests would take it for an option.
      case $1 in -*) __tykky_candidate=./$1 ;; esac
      if __tykky_is_environment "$__tykky_candidate"; then
        __tykky_found=$__tykky_candidate
      elif [ -d "$__tykky_candidate" ]; then
        __tykky_other=$1
      fi
      ;;
    *)
      __tykky_rest=${TYKKY_PATH-${HOME:+$HOME/.tykky}}:
      while [ -n "$__tykky_rest" ]; do
        __tykky_candidate=${__tykky_rest%%:*}/$1
        __tykky_rest=${__tykky_rest#*:}
        case $__tykky_candidate in
          "/$1") continue ;;
          -*) __tykky_candidate=./$__tykky_candidate ;;
        esac
        if ! __tykky_is_environment "$__tykky_candidate"; then
          if [ -d "$__tykky_candidate" ]; then __tykky_other=${__tykky_other:-$__tykky_candidate}; fi
        elif [ -z "$__tykky_found" ]; then
          __tykky_found=$__tykky_candidate
        elif ! [ "$__tykky_found" -ef "$__tykky_candidate" ]; then
          __tykky_say "WARNING: TYKKY_PATH has $1 more than once: $__tykky_found is used, $__tykky_candidate is not" >&2
        fi
      done
      if ! __tykky_is_environment "./$1"; then
        if [ -d "./$1" ]; then __tykky_other=${__tykky_other:-./$1}; fi
      elif [ -z "$__tykky_found" ]; then
        __tykky_found=./$1
      elif ! [ "$__tykky_found" -ef "./$1" ]; then
        __tykky_say "WARNING: the current directory has $1 too: $__tykky_found of TYKKY_PATH is used; for the other: tykky activate ./$1" >&2
      fi
      ;;
  esac
  if [ -n "$__tykky_found" ]; then return 0; fi
  __tykky_say "ERROR: $1 is not a valid tykky environment" >&2
  case $__tykky_other:$1 in
    ?*:*) __tykky_say "       $__tykky_other has no bin with current/launcher.sh (Kapseli) or common.sh (Tykky) beside it" >&2 ;;
    :*/* | :. | :..) __tykky_say '       there is no such directory' >&2 ;;
    *)
      __tykky_say '       neither a directory of TYKKY_PATH has it nor the current directory' >&2
      __tykky_say "       TYKKY_PATH: ${TYKKY_PATH-not set, which means ${HOME-}/.tykky}" >&2
      ;;
  esac
  return 1
}

__tykky_activate() {
  __tykky_status=0
  __tykky_find "$1" || __tykky_status=1
  if [ "$__tykky_status" = 0 ]; then
    # The one process that is started: cd in this shell would change OLDPWD, and may have no way back. What a hook
    # of cd prints goes away; the dot keeps a newline at the end of a name.
    __tykky_found=$(
      CDPATH=''
      command cd -P -- "$__tykky_found" >/dev/null && pwd -P && echo .
    ) || __tykky_found=
    __tykky_found=${__tykky_found%'
.'}
    case $__tykky_found in
      '')
        __tykky_say "ERROR: $1 cannot be entered" >&2
        __tykky_status=1
        ;;
      *:*)
        __tykky_say "ERROR: $__tykky_found has a colon in its path, which PATH cannot hold" >&2
        __tykky_status=1
        ;;
    esac
  fi
  if [ "$__tykky_status" = 0 ]; then
    __tykky_deactivate
    export TYKKY_PREFIX="$__tykky_found"
    export PATH="$TYKKY_PREFIX/bin${PATH:+:$PATH}"
    if [ -n "${PS1+x}" ] && [ "${TYKKY_CHANGE_PS1-}" != 0 ]; then
      # A prompt is expanded: what some shell would take for more than text is shown as _.
      __tykky_rest=${TYKKY_PREFIX##*/}
      _TYKKY_PROMPT=
      while :; do
        case $__tykky_rest in
          *[[:cntrl:]\\\$\`\"%!]*)
            __tykky_other=${__tykky_rest%%[[:cntrl:]\\\$\`\"%!]*}
            __tykky_rest=${__tykky_rest#"$__tykky_other"}
            __tykky_rest=${__tykky_rest#?}
            _TYKKY_PROMPT=$_TYKKY_PROMPT${__tykky_other}_
            ;;
          *) break ;;
        esac
      done
      # Exported, so that a child shell that got the prompt with it can take it away.
      export _TYKKY_PROMPT="($_TYKKY_PROMPT$__tykky_rest) "
      PS1=$_TYKKY_PROMPT$PS1
    fi
    __tykky_hold
  fi
  set -- "$__tykky_status"
  unset __tykky_status __tykky_found __tykky_other __tykky_rest __tykky_candidate
  return "$1"
}

# Has an environment of Kapseli's held open until this shell ends (docs/warm.md), so that its commands start as fast as
# ordinary programs. In the background, and not at once: for one short command it would not pay. KAPSELI_WARM tells
# the commands where the holder is; this shell and its pid are in _TYKKY_WARM, since a child shell's are not its own.
__tykky_hold() {
  if [ -n "${KAPSELI_WARM-}" ] || [ "${TYKKY_WARM-}" = 0 ]; then return 0; fi
  if ! [ -f "$TYKKY_PREFIX/current/launcher.sh" ] && ! [ -f "$TYKKY_PREFIX/env/current/launcher.sh" ]; then return 0; fi
  __tykky_has_kapseli || return 0
  # A runtime directory of another user's session, taken over by su, is not this one's.
  __tykky_other=${TMPDIR:-/tmp}
  if [ -n "${XDG_RUNTIME_DIR-}" ] && [ -O "$XDG_RUNTIME_DIR" ]; then __tykky_other=$XDG_RUNTIME_DIR; fi
  __tykky_other=$(mktemp -d "$__tykky_other/kapseli-warm-XXXXXX" 2>/dev/null) || return 0
  export KAPSELI_WARM="$__tykky_other"
  export _TYKKY_WARM="$$:$KAPSELI_WARM"
  (
    {
      sleep 1
      { kill -0 "$$" && [ ! -e "$KAPSELI_WARM/over" ] &&
        command kapseli warm --owner "$$" --directory "$KAPSELI_WARM" "$TYKKY_PREFIX"; } ||
        command rm -rf -- "$KAPSELI_WARM"
    } </dev/null >/dev/null 2>&1 &
  )
  return 0
}

# Takes away one entry of PATH and one part of the prompt, wherever they are by now.
__tykky_deactivate() {
  if [ -z "${TYKKY_PREFIX-}" ]; then return 0; fi
  if [ -n "${_TYKKY_WARM-}" ]; then
    if [ "$_TYKKY_WARM" = "$$:${KAPSELI_WARM-}" ] && [ -d "$KAPSELI_WARM" ]; then
      command : >"$KAPSELI_WARM/over" || :
    fi
    unset KAPSELI_WARM _TYKKY_WARM
  fi
  __tykky_rest=:${PATH-}:
  case $__tykky_rest in
    *":$TYKKY_PREFIX/bin:"*)
      __tykky_rest=${__tykky_rest%%":$TYKKY_PREFIX/bin:"*}:${__tykky_rest#*":$TYKKY_PREFIX/bin:"}
      __tykky_rest=${__tykky_rest#:}
      PATH=${__tykky_rest%:}
      ;;
  esac
  if [ -n "${_TYKKY_PROMPT-}" ]; then
    case ${PS1-} in
      *"$_TYKKY_PROMPT"*) PS1=${PS1%%"$_TYKKY_PROMPT"*}${PS1#*"$_TYKKY_PROMPT"} ;;
    esac
  fi
  unset TYKKY_PREFIX _TYKKY_PROMPT __tykky_rest
}

# ---- once, when this file is sourced -----------------------------------------------------------------------------------

# Sets __tykky_file to this file's path, or to nothing where the shell cannot tell. Variables could be left over from
# another shell that exported them: BASH_VERSINFO cannot (an array), and only zsh has emulate.
# shellcheck disable=SC2128,SC2154,SC3028,SC3044,SC3054 # each line is for the shell that has it
__tykky_own_file() {
  [ -z "${ZSH_VERSION-}" ] || emulate -L sh 2>/dev/null || :
  __tykky_file=
  if [ -n "${BASH_VERSINFO-}" ]; then
    __tykky_file=${BASH_SOURCE[0]}
  elif [ -n "${ZSH_VERSION-}" ] && emulate >/dev/null 2>&1; then
    # Element 0 is this function.
    __tykky_file=${funcstack[1]}
  else
    case ${KSH_VERSION-} in
      *93*)
        # Other shells do not parse ${.sh.file}.
        typeset -n __tykky_reference=.sh.file
        __tykky_file=${__tykky_reference-}
        typeset +n __tykky_reference
        unset __tykky_reference
        ;;
    esac
  fi
}

# Sets __tykky_root to the installation that this file is part of, or to nothing.
__tykky_own_root() {
  __tykky_root=
  case $__tykky_file in
    '') ;;
    /*) __tykky_root=${__tykky_file%/*} ;;
    */*) __tykky_root=$PWD/${__tykky_file%/*} ;;
    *) __tykky_root=$PWD ;;
  esac
  case $__tykky_root in
    '') ;;
    */./* | */../* | *//* | */. | */..) __tykky_root=$__tykky_root/../.. ;;
    */etc/profile.d) __tykky_root=${__tykky_root%/etc/profile.d} ;;
    *) __tykky_root=$__tykky_root/../.. ;;
  esac
  if ! [ -e "$__tykky_root/etc/functions/tykky" ]; then
    __tykky_root=
    # A link to this file, say in the system's own profile.d.
    if [ -n "$__tykky_file" ] && [ -L "$__tykky_file" ]; then
      __tykky_root=$(readlink -f -- "$__tykky_file") || __tykky_root=
      __tykky_root=${__tykky_root%/etc/profile.d/*}
    fi
  fi
  if [ -z "$__tykky_root" ]; then
    __tykky_root=${KAPSELI_ROOT:-${TYKKY_ROOT-}}
    __tykky_root=${__tykky_root%/}
  fi
  case $__tykky_root in
    */..) __tykky_root=$(CDPATH='' && command cd -P -- "$__tykky_root" >/dev/null && pwd -P) || __tykky_root= ;;
  esac
}

# shellcheck disable=SC3045 # export -f is for bash
__tykky_load() {
  [ -z "${ZSH_VERSION-}" ] || emulate -L sh 2>/dev/null || :
  __tykky_own_root
  if [ -e "$__tykky_root/bin/kapseli" ]; then
    case :${PATH-}: in
      *":$__tykky_root/bin:"*) ;;
      *)
        case $__tykky_root in
          *:*) __tykky_say "WARNING: tykky.sh: $__tykky_root has a colon in its path, which PATH cannot hold" >&2 ;;
          *) export PATH="$__tykky_root/bin${PATH:+:$PATH}" ;;
        esac
        ;;
    esac
  elif ! __tykky_has_kapseli; then
    __tykky_say 'WARNING: tykky.sh: the tools are not on PATH, because this shell cannot tell where this file is: set KAPSELI_ROOT to the installation (the directory with bin and etc)' >&2
  fi
  if [ -n "${BASH_VERSINFO-}" ]; then
    export -f tykky kapseli __tykky_say __tykky_has_kapseli __tykky_is_environment __tykky_find __tykky_activate \
      __tykky_hold __tykky_deactivate
  elif [ -n "${KSH_VERSION-}" ] && [ -z "${ZSH_VERSION-}" ] && [ -e "$__tykky_root/etc/functions/tykky" ]; then
    case :${FPATH-}: in
      *":$__tykky_root/etc/functions:"*) ;;
      *) export FPATH="$__tykky_root/etc/functions${FPATH:+:$FPATH}" ;;
    esac
    # A function that is found in FPATH cannot tell where that was.
    export KAPSELI_ROOT="$__tykky_root"
  fi
}

__tykky_own_file
__tykky_load
unset -f __tykky_own_file __tykky_own_root __tykky_load
# Completion is for people, and in a language of its own.
case $-:${BASH_VERSINFO-}:${ZSH_VERSION-} in
  *i*:[4-9]*:* | *i*:[1-9][0-9]*:*) __tykky_file=$__tykky_root/etc/completion/tykky.bash ;;
  *i*::?*) __tykky_file=$__tykky_root/etc/completion/tykky.zsh ;;
  *) __tykky_file= ;;
esac
unset __tykky_root __tykky_rest __tykky_candidate
# shellcheck disable=SC1090 # one of the two above
if [ -n "$__tykky_file" ] && [ -r "$__tykky_file" ]; then
  . "$__tykky_file"
  # That of the tools, beside it.
  __tykky_file=${__tykky_file%/*}/kapseli.${__tykky_file##*.}
  if [ -r "$__tykky_file" ]; then . "$__tykky_file"; fi
fi
unset __tykky_file
