# Evaluated by launcher.sh where there may be a container of this environment that is held open (docs/warm.md). Joins it
# where it is what a start would make now; in any other case nothing happens and the ordinary start goes on. No process
# is started, but for one fork where a holder was found and the shell is not bash.
# A holder is a directory, named by the environment's id, with `record` (written by src/prefix/holder-record.ts, which
# sets the __k_w_ names) and `starts.PID`, where each start that is about to join has a file of its own pid.
# shellcheck shell=sh
# shellcheck disable=SC3013 # -ef is in all of these shells
# shellcheck disable=SC2154 # the data block, the launcher and the record set what is used here

# Set by warm-step.sh alone.
__k_place=

# Whether a directory and the record in it are this user's own, and no links.
__k_holder_in() {
  __k_holder=$1/$__k_id
  [ -f "$__k_holder/record" ] && [ -O "$__k_holder/record" ] && [ ! -L "$__k_holder/record" ] &&
    [ -O "$__k_holder" ] && [ ! -L "$__k_holder" ] && [ -O "$1" ] && [ ! -L "$1" ]
}

# Sets __k_holder to the holder for this start. Of this job step: in __k_place. Of one command or shell: KAPSELI_WARM. Of a node (kapseli warm --node):
# in the user's runtime directory, or where there is none below the home directory, by boot, job and job step.
# The runtime directory of a login node may be named in a job, too: there it does not exist.
__k_find_holder() {
  if [ -n "$__k_place" ]; then
    __k_holder_in "$__k_place"
    return
  fi
  if [ -n "${KAPSELI_WARM-}" ]; then __k_holder_in "$KAPSELI_WARM" && return 0; fi
  __k_job=${SLURM_JOB_ID-}
  case $__k_job in */*) return 1 ;; esac
  __k_at=${XDG_RUNTIME_DIR:-/dev/null}/kapseli-warm
  if [ -d "$__k_at" ]; then
    __k_holder_in "$__k_at/${__k_job:-login}.${SLURM_STEP_ID:-batch}" && return 0
    __k_holder_in "$__k_at/${__k_job:-login}.batch" && return 0
  fi
  [ -n "$__k_job" ] || return 1
  case ${XDG_STATE_HOME-} in
    /*) __k_at=$XDG_STATE_HOME/kapseli/warm ;;
    *) __k_at=${HOME:-/dev/null}/.local/state/kapseli/warm ;;
  esac
  [ -d "$__k_at" ] || return 1
  __k_boot=
  read -r __k_boot </proc/sys/kernel/random/boot_id
  __k_at=$__k_at/$__k_boot
  __k_holder_in "$__k_at/$__k_job.${SLURM_STEP_ID:-batch}" || __k_holder_in "$__k_at/$__k_job.batch"
}

# Whether the line of /proc/PID/stat in $1 is that of the process that the record means: field 22 is the start time.
__k_is_holder() {
  # shellcheck disable=SC2086 # numbers and one letter
  set -- ${1##*')' }
  [ "$#" -ge 20 ] && [ "$1" != Z ] && [ "${20}" = "$__k_w_start" ]
}

# Adds to __k_words the variables that the runtime itself reads, and those of the prompt, which it changes. 1 when there is one of
# the kind SINGULARITYENV_X: those that the launcher does not know are not carried over.
__k_runtime_variables() {
  if [ -n "${BASH_VERSINFO-}" ]; then
    # PS1 it has taken away by itself.
    [ -z "${PROMPT_COMMAND+set}" ] || __k_words="$__k_words
PROMPT_COMMAND=$PROMPT_COMMAND"
    __k_names=
    command eval '__k_names="${!SINGULARITY*} ${!APPTAINER*}"' # other shells do not parse it
    for __k_entry in $__k_names; do
      case $__k_entry in
        SINGULARITYENV_PATH | SINGULARITYENV_LD_LIBRARY_PATH | APPTAINERENV_PATH | APPTAINERENV_LD_LIBRARY_PATH) ;;
        SINGULARITYENV_* | APPTAINERENV_*) return 1 ;;
        *)
          command eval '__k_entry="$__k_entry=${!__k_entry}"'
          __k_words="$__k_words
$__k_entry"
          ;;
      esac
    done
    return 0
  fi
  # Split at line ends: taking beginnings off a long text costs dash the square of its length. A value with line ends
  # goes on until the next `export`.
  __k_taken='' __k_rest=${IFS-}
  set -f
  IFS='
'
  # shellcheck disable=SC2046 # as said
  set -- $(export -p)
  IFS=$__k_rest
  set +f
  for __k_entry do
    case $__k_entry in
      'export SINGULARITYENV_PATH='* | 'export SINGULARITYENV_LD_LIBRARY_PATH='*) __k_taken= ;;
      'export APPTAINERENV_PATH='* | 'export APPTAINERENV_LD_LIBRARY_PATH='*) __k_taken= ;;
      'export SINGULARITYENV_'* | 'export APPTAINERENV_'*) return 1 ;;
      'export SINGULARITY'* | 'export APPTAINER'* | 'export PS1='* | 'export PROMPT_COMMAND='*) __k_taken=1 ;;
      'export '*) __k_taken= ;;
    esac
    [ -z "$__k_taken" ] || __k_words="$__k_words
$__k_entry"
  done
}

# Sets __k_words to all that decides what a container is like, besides the environment's own files: the job whose
# resources it uses, and what the runtime is told. The arguments are the runtime's, then $__k_program words of the program.
__k_container_words() {
  __k_words="${SLURM_JOB_ID-} ${PBS_JOBID-} ${LSB_JOBID-} $__k_runtime"
  while [ "$#" -gt "$__k_program" ]; do
    case $1 in
      --pwd) shift ;;
      *)
        __k_words="$__k_words
$1"
        ;;
    esac
    shift
  done
  __k_runtime_variables
}

# A name that is not there ends in another way when it is joined: only what is seen to be there, from outside.
__k_is_there() {
  case ${__k_on_image:+image}$1 in
    image*/*) return 1 ;;
    */*) [ -f "$1" ] && [ -x "$1" ] ;;
    *)
      case $__k_commands in *"/$1/"*) return 0 ;; esac
      [ -z "$__k_on_image" ] && command -v "$1" >/dev/null 2>&1
      ;;
  esac
}

# Becomes the program in the holder's container; returns where there is none that fits.
__k_join() {
  # Without a home directory the runtime takes the account's.
  case ${HOME-} in /*) ;; *) return 0 ;; esac
  __k_find_holder || return 0
  __k_w_end='' __k_w_pid='' __k_w_start=''
  # Cut short, it is wrong shell: `command` keeps that from ending this one.
  { command . "$__k_holder/record"; } 2>/dev/null
  [ "$__k_w_end" = 1 ] || return 0
  __k_boot='' __k_line=''
  { read -r __k_boot </proc/sys/kernel/random/boot_id && read -r __k_line <"/proc/$__k_w_pid/stat"; } 2>/dev/null
  [ "$__k_boot" = "$__k_w_boot" ] && __k_is_holder "$__k_line" && [ -x "$__k_w_nsenter" ] || return 0
  # Later settings of the environment may have changed these.
  __k_libraries=${SINGULARITYENV_LD_LIBRARY_PATH-}
  [ "${APPTAINERENV_PATH-}:${APPTAINERENV_LD_LIBRARY_PATH-}" = "$SINGULARITYENV_PATH:$__k_libraries" ] || return 0
  case $__k_libraries in :* | *:) return 0 ;; esac
  __k_container_words "$@" || return 0
  [ "$__k_words" = "$__k_w_words" ] || return 0
  # The working directory must be the same directory inside: else the runtime says what is wrong with it.
  case $PWD/ in "$__k_root"/* | "${__k_mount:-$__k_root}"/*) return 0 ;; esac
  [ "$PWD" -ef . ] || return 0
  [ "$PWD" = / ] || __k_is_bound "$PWD" || return 0
  shift "$(($# - __k_program))"
  [ "$__k_name" != _debug_exec ] || [ -n "$__k_hold" ] || __k_is_there "$1" || return 0

  # A holder that is about to end takes its record away, and then looks for starts that came before that. The
  # directory's name is its own, should another have come in its place.
  { command : >"$__k_holder/starts.$__k_w_pid/$$"; } 2>/dev/null || return 0
  if [ ! -f "$__k_holder/record" ]; then
    { command printf no >"$__k_holder/starts.$__k_w_pid/$$"; } 2>/dev/null
    return 0
  fi

  # From here on as the runtime would do it.
  __k_w_environment
  [ -z "$__k_w_path_end" ] || export USER_PATH="${PATH-}$__k_w_path_end"
  export PATH="$SINGULARITYENV_PATH"
  if [ -n "$__k_libraries" ]; then
    export LD_LIBRARY_PATH="$__k_libraries$__k_w_libraries_end"
  else
    unset LD_LIBRARY_PATH
  fi
  # PWD is the physical path inside.
  __k_rest=${OLDPWD-}
  if CDPATH='' command cd -P . >/dev/null; then
    if [ -n "$__k_rest" ]; then OLDPWD=$__k_rest; else unset OLDPWD; fi
  fi
  export PWD
  [ -e "/proc/$$/fd/0" ] || exec 0<>/dev/null
  [ -e "/proc/$$/fd/1" ] || exec 1<>/dev/null
  [ -e "/proc/$$/fd/2" ] || exec 2<>/dev/null
  unset SINGULARITYENV_PATH APPTAINERENV_PATH SINGULARITYENV_LD_LIBRARY_PATH APPTAINERENV_LD_LIBRARY_PATH
  if [ -n "$__k_w_changes_directory" ]; then
    exec "$__k_w_nsenter" -t "$__k_w_pid" -U -m --preserve-credentials --wdns="$PWD" -- "$@"
  fi
  # An nsenter that cannot change the directory inside.
  # shellcheck disable=SC2016 # the inner shell's
  exec "$__k_w_nsenter" -t "$__k_w_pid" -U -m --preserve-credentials -- /bin/sh -c \
    'command cd -- "$2" || exit 1; if [ -n "$0" ]; then OLDPWD=$1; else unset OLDPWD; fi; shift 2; exec "$@"' \
    "${OLDPWD+set}" "${OLDPWD-}" "$PWD" "$@"
}
