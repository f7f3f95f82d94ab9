# Sources the environ script of an environment and becomes the container runtime. Run by bash -c; $0 is the launcher.
# Arguments: the script, how many of the last words are the caller's, BASH_ENV and PATH (whether each is set, and its
# value), then the words that start the runtime. The script may use any option, trap or function; what is done after
# it is in a function that was read before. No process is started here.
# shellcheck shell=bash

__k_file=$1 __k_count=$2 __k_path_set=$5 __k_path=$6
[[ -z $3 ]] || export BASH_ENV="$4"
export PATH="/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/bin"
shift 6
__k_words=("$@")
shift $(($# - __k_count))
__k_inside=$SINGULARITYENV_PATH
__k_libraries=${SINGULARITYENV_LD_LIBRARY_PATH-}
__k_bind=${SINGULARITY_BIND-}

__k_ended() {
  __k_status=$?
  { builtin set +aeuvx; } 2>/dev/null
  builtin printf '%s\n' "kapseli: ${0##*/}: the environ script $__k_file ended the start with exit code $__k_status; \"return\" goes on with it" >&2
  [[ $__k_status -ne 0 ]] || __k_status=1
  builtin exit "$__k_status"
}

__k_start() {
  { builtin set +aeuvx; } 2>/dev/null
  builtin trap - EXIT DEBUG ERR RETURN
  # Either family may have been edited; both must say the same.
  if [[ ${SINGULARITYENV_PATH-} == "$__k_inside" ]]; then SINGULARITYENV_PATH=${APPTAINERENV_PATH-}; fi
  [[ -n ${SINGULARITYENV_PATH-} ]] || SINGULARITYENV_PATH=$__k_inside
  builtin export SINGULARITYENV_PATH APPTAINERENV_PATH="$SINGULARITYENV_PATH"
  if [[ ${SINGULARITYENV_LD_LIBRARY_PATH-} == "$__k_libraries" ]]; then
    SINGULARITYENV_LD_LIBRARY_PATH=${APPTAINERENV_LD_LIBRARY_PATH-}
  fi
  if [[ -n $SINGULARITYENV_LD_LIBRARY_PATH ]]; then
    builtin export SINGULARITYENV_LD_LIBRARY_PATH APPTAINERENV_LD_LIBRARY_PATH="$SINGULARITYENV_LD_LIBRARY_PATH"
  else
    builtin unset SINGULARITYENV_LD_LIBRARY_PATH APPTAINERENV_LD_LIBRARY_PATH
  fi
  # Scripts append to SINGULARITY_BIND, which may have been empty; Apptainer reads it only without APPTAINER_BIND.
  if [[ ${SINGULARITY_BIND-} != "$__k_bind" ]]; then
    builtin export SINGULARITY_BIND="${SINGULARITY_BIND#,}"
    [[ -z ${APPTAINER_BIND-} ]] || builtin export APPTAINER_BIND="$APPTAINER_BIND,$SINGULARITY_BIND"
  fi
  if [[ -n $__k_path_set ]]; then builtin export PATH="$__k_path"; else builtin unset PATH; fi
  builtin exec "${__k_words[@]}"
}

trap __k_ended EXIT
# shellcheck disable=SC1090 # the user's
. "$__k_file" "$@"
\__k_start # no alias
