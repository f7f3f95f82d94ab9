# The one shell in which pre- and post-install scripts run. Arguments: DIRECTORY MARK
# It does what the lines of its standard input say (begin, activate, run FILE) and answers each with a line that holds
# the mark. DIRECTORY holds `settings` (NAME=VALUE, NUL-separated: variables of ours), `variables` (what the scripts
# find exported), `own-variables` (what the environment itself sets) and the scripts.
#
# Scripts are sourced, so they may change everything here. Therefore: nothing of theirs is in a loop or a function of
# ours (`break` and `declare` would act on it), our names begin with __kapseli_, our commands are `builtin`, and options
# are put aside before and back after each of our own lines.
# shellcheck shell=bash disable=SC1090,SC2034,SC2154
if [[ -z ${__kapseli_self-} ]]; then
  __kapseli_self=${BASH_SOURCE[0]} __kapseli_directory=$1 __kapseli_mark=$2
  builtin set --
  # Scripts read from /dev/null. Numbers above nine, which scripts do not name.
  exec {__kapseli_commands}<&0 {__kapseli_answers}>&1 </dev/null 2>&1
  __kapseli_options=$(builtin shopt -po; builtin shopt -p)

  # NAME=VALUE, NUL-separated, from a file. -g: they are the shell's, not this function's.
  __kapseli_load() {
    local __kapseli_pair
    [[ -r $1 ]] || return 0
    while IFS= builtin read -r -d '' __kapseli_pair; do builtin declare -g "$2" "$__kapseli_pair"; done <"$1"
  }
  __kapseli_load "$__kapseli_directory/settings" --
  __kapseli_load "$__kapseli_directory/variables" -x

  __kapseli_answer() {
    builtin printf '\036%s %s\n' "$__kapseli_mark" "$1" >&"$__kapseli_answers"
  }

  # Notes why the shell is about to end: KIND STATUS COMMAND, and the places from the innermost outwards, the first
  # being that of the function's caller.
  __kapseli_note() {
    local __kapseli_frame
    {
      builtin printf '%s\0' "$1" "$2" "$BASH_SUBSHELL" "$3"
      for ((__kapseli_frame = 1; __kapseli_frame < ${#BASH_LINENO[@]} - 1; __kapseli_frame++)); do
        builtin printf '%s\0%s\0' "${BASH_SOURCE[__kapseli_frame + 1]}" "${BASH_LINENO[__kapseli_frame]}"
      done
      builtin printf '\0'
    } >>"$__kapseli_directory/failure" 2>/dev/null
  }
  # Where a script turned `set -e` off a failing command is no failure, but it may be in a subshell of one.
  # shellcheck disable=SC2317,SC2329
  __kapseli_error() {
    if [[ $- == *e* || $BASH_SUBSHELL != 0 ]]; then __kapseli_note error "$1" "$2"; fi
  }
  # Bash does not tell an EXIT trap where it was; a function knows.
  exit() {
    local __kapseli_status=$?
    if [[ $BASH_SUBSHELL == 0 ]]; then __kapseli_note exit "${1-$__kapseli_status}" "exit${1+ $1}"; fi
    builtin exit "${1-$__kapseli_status}"
  }

  # PATH without one of its directories.
  __kapseli_without() {
    local __kapseli_path=:$1:
    while [[ $__kapseli_path == *":$2:"* ]]; do __kapseli_path=${__kapseli_path/":$2:"/:}; done
    __kapseli_path=${__kapseli_path#:}
    builtin printf '%s' "${__kapseli_path%:}"
  }
  # As templates/capture-activation.sh does it.
  __kapseli_activate_conda() {
    local __kapseli_script
    if [[ ${CONDA_PREFIX-} == "$__kapseli_root" ]]; then return 0; fi
    builtin export CONDA_PREFIX=$__kapseli_root CONDA_DEFAULT_ENV=$__kapseli_name CONDA_SHLVL=1
    # Our conda stands before one that is installed in the environment: that one would change itself.
    PATH=$(__kapseli_without "$(__kapseli_without "$PATH" "$__kapseli_conda/bin")" "$__kapseli_root/bin")
    builtin export PATH=$__kapseli_conda/bin:$__kapseli_root/bin:$PATH
    __kapseli_load "$__kapseli_directory/own-variables" -x
    for __kapseli_script in "$__kapseli_root"/etc/conda/activate.d/*.sh; do
      [[ -r $__kapseli_script ]] || continue
      builtin source "$__kapseli_script" || builtin printf '%s\n' "kapseli: $__kapseli_script ended with status $?"
    done
    builtin hash -r
  }
  __kapseli_deactivate_conda() {
    local __kapseli_script
    if [[ ${CONDA_PREFIX-} != "$__kapseli_root" ]]; then return 0; fi
    for __kapseli_script in "$__kapseli_root"/etc/conda/deactivate.d/*.sh; do
      [[ -r $__kapseli_script ]] || continue
      builtin source "$__kapseli_script" || builtin printf '%s\n' "kapseli: $__kapseli_script ended with status $?"
    done
    builtin unset CONDA_PREFIX CONDA_DEFAULT_ENV
    PATH=$(__kapseli_without "$PATH" "$__kapseli_root/bin")
    builtin export PATH CONDA_SHLVL=0
    builtin hash -r
  }
  __kapseli_activate_venv() {
    if [[ -r $__kapseli_root/bin/activate ]]; then
      VIRTUAL_ENV_DISABLE_PROMPT=1 builtin source "$__kapseli_root/bin/activate"
    else
      builtin unset PYTHONHOME
      builtin export VIRTUAL_ENV=$__kapseli_root PATH=$__kapseli_root/bin:$PATH
    fi
  }
  # Only a function can change the shell that calls it; everything else is the program's (conda-shim.sh).
  __kapseli_conda_command() {
    local __kapseli_program=$1
    builtin shift
    case ${1-} in
      activate)
        case ${2-} in
          "$__kapseli_name" | "$__kapseli_root" | "$__kapseli_root/" | "$__kapseli_root/miniforge/envs/$__kapseli_name"*) ;;
          *)
            builtin printf '%s\n' "$__kapseli_program activate ${2-}: not possible in a hook: there is only the environment $__kapseli_name" >&2
            return 1
            ;;
        esac
        if [[ ! -d $__kapseli_root/conda-meta ]]; then
          builtin printf '%s\n' "$__kapseli_program activate ${2-}: the environment is made after this script" >&2
          return 1
        fi
        __kapseli_activate_conda
        ;;
      deactivate) __kapseli_deactivate_conda ;;
      *) "$__kapseli_conda/bin/$__kapseli_program" "$@" ;;
    esac
  }
  if [[ -n $__kapseli_conda ]]; then
    conda() { __kapseli_conda_command conda "$@"; }
    mamba() { __kapseli_conda_command mamba "$@"; }
  fi
  __kapseli_answer ready
fi

{ builtin set +euvx; } 2>/dev/null
if ! IFS=' ' builtin read -r -u "$__kapseli_commands" __kapseli_verb __kapseli_word; then
  # Variables, functions and the scripts' own EXIT trap were to live until here.
  builtin exit 0
fi
case $__kapseli_verb in
  begin)
    # A later phase finds the shell as the first did, but for variables, functions and a cleaning EXIT trap.
    builtin eval "$__kapseli_options" 2>/dev/null
    builtin set -E
    IFS=$' \t\n'
    builtin cd -- "$__kapseli_cwd" 2>/dev/null ||
      builtin printf '%s\n' "kapseli: $__kapseli_cwd is not there in the base: scripts run in $PWD"
    # Traps of ours are not traced where a script has set -x.
    if [[ -z $(builtin trap -p EXIT) ]]; then
      builtin trap '{ __kapseli_note end "$?" "$BASH_COMMAND"; } 2>/dev/null' EXIT
    fi
    builtin trap '{ __kapseli_error "$?" "$BASH_COMMAND"; } 2>/dev/null' ERR
    __kapseli_flags=e
    __kapseli_answer ok
    ;;
  activate)
    "__kapseli_activate_$__kapseli_word"
    __kapseli_answer ok
    ;;
  run)
    case $__kapseli_flags in *u*) builtin set -u ;; esac
    case $__kapseli_flags in *v*) builtin set -v ;; esac
    case $__kapseli_flags in *e*) builtin set -e ;; esac
    { case $__kapseli_flags in *x*) builtin set -x ;; esac; } 2>/dev/null
    builtin source "$__kapseli_directory/$__kapseli_word"
    { __kapseli_flags=$- && builtin set +euvx; } 2>/dev/null
    __kapseli_answer ok
    ;;
esac
# Not a loop: `break` in a script would end it.
builtin source "$__kapseli_self"
