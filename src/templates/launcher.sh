# What every command of this environment does when it is called: nothing but exec of the container runtime.
# Sourced by the stub (bin/NAME), which sets __k_prefix, __k_dir, __k_moved and __k_link. The data above was found
# and tried when the environment was built. POSIX sh (dash, bash, ksh, mksh, busybox); starts no process of its own.
# Every name begins with __k_, so that no variable of the caller's is touched but those that programs may read.
# shellcheck shell=sh
# shellcheck disable=SC3013 # -ef is in all of these shells
# shellcheck disable=SC2154 # the data block and the stub set what is used here

__k_fail() {
  printf '%s\n' "kapseli: ${0##*/}: $1" >&2
  exit 1
}

# What is run becomes the command called $__k_name.
__k_command() {
  __k_self=$__k_bin/$__k_name __k_named=1
  __k_redirect
}

# Adds a mount point of an isolated environment to the directories that are bound, where this host has it.
__k_offer() {
  [ ! -e "$1" ] || __k_binds=$__k_binds,$1
}

# Whether a host path lies in a directory that is bound, or below a link of the host's top level.
__k_is_bound() {
  __k_top=${1#/}
  __k_top=/${__k_top%%/*}
  case $__k_binds$__k_odd, in *",$__k_top,"*) return 0 ;; esac
  if [ -L "$__k_generation/root$__k_top" ]; then return 0; fi
  [ -n "$__k_isolated" ] || return 1
  __k_left=$__k_binds
  while [ -n "$__k_left" ]; do
    __k_left=${__k_left#,}
    case $1/ in "${__k_left%%,*}"/*) return 0 ;; esac
    case $__k_left in *,*) __k_left=,${__k_left#*,} ;; *) __k_left= ;; esac
  done
  return 1
}

# The last step with an environ script: bash sources it and then becomes the runtime, whose words these are.
# BASH_ENV is the caller's, for the program; this bash is not to read it.
__k_source() {
  [ -r "$__k_generation/environ.bash" ] ||
    __k_fail "the environ script $__k_generation/environ.bash is missing or cannot be read; mend it with kapseli verify --repair $__k_prefix, or build the environment again"
  __k_bash=/bin/bash
  if [ ! -x /bin/bash ]; then
    __k_bash=bash
    command -v bash >/dev/null 2>&1 || __k_fail "this environment has an environ script, and there is no bash on this host to run it"
  fi
  set -- "${BASH_ENV+set}" "${BASH_ENV-}" "${PATH+set}" "${PATH-}" "$@"
  set -- -c "$__k_runner" "$0" "$__k_generation/environ.bash" "$__k_count" "$@"
  unset BASH_ENV
  exec "$__k_bash" "$@"
}

__k_count=$#
__k_name=${0##*/}
__k_generation=$__k_prefix/generations/$__k_number
__k_image=$__k_generation/env.sqfs

# Where the programs are inside. An image covers the place that it was built for. A view (a directory of links to
# the programs of an image that is mounted elsewhere) covers the prefix, wherever that is now; but not a prefix that
# lies where the image is mounted.
__k_view=
__k_hides_bin=
__k_mark=$__k_mount
if [ -n "$__k_on_view" ]; then
  # In a working directory that cannot be entered the stub left the path as it was; nothing is relative to that.
  case $__k_prefix in
    */..)
      if [ ! -x . ] && CDPATH='' command cd -P -- "$__k_prefix"; then
        __k_prefix=$PWD
        command cd / || exit 1
      fi
      ;;
  esac
  __k_moved=
  __k_generation=$__k_prefix/generations/$__k_number
  __k_image=$__k_generation/env.sqfs
  __k_root=$__k_prefix
  case ${__k_mount:+$__k_root/} in
    "$__k_mount"/*) __k_hides_bin=1 ;;
    *) __k_view=$__k_generation/view __k_mark=$__k_root ;;
  esac
fi
__k_bin=$__k_root/bin
[ -z "$__k_hides_bin" ] || __k_bin=$__k_mount/.kapseli/bin

# Which program to run: the path it was called by where that is the same inside, else its name in the environment.
__k_named=
case $0 in
  "$__k_bin"/*/*) __k_self=$0 ;;
  "$__k_bin"/*) __k_command ;;
  /*) __k_self=$0 ;;
  ./*) __k_self=$PWD/${0#./} ;;
  *) __k_self=$PWD/$0 ;;
esac
# A venv on top keeps its own python and comes first in PATH inside.
__k_venv=
# The path that Python must take for its own, where that is not the one that is run.
__k_as=
if [ -z "$__k_named" ]; then
  # A copy of a launcher elsewhere, which is no link, is no program inside.
  if [ ! -L "$0" ] || [ "$__k_dir" -ef "$__k_prefix/bin" ]; then
    __k_command
  else
    if [ -f "$__k_dir/../pyvenv.cfg" ]; then __k_venv=${__k_self%/*}; fi
    # A link whose target inside is not the command: that command is run. Only then is it asked what the target is.
    if [ -n "$__k_moved$__k_hides_bin$__k_redirects$__k_by_path" ]; then
      [ -n "${__k_link-}" ] || __k_link=$(readlink -f -- "$0" 2>/dev/null)
      __k_called=$__k_self
      [ -z "$__k_link" ] || __k_name=${__k_link##*/}
      __k_command
      if [ -z "$__k_moved$__k_hides_bin" ] && [ "$__k_self" = "$__k_bin/$__k_name" ] &&
        { [ -z "$__k_by_path" ] || [ -n "$__k_venv" ]; }; then
        __k_self=$__k_called __k_named='' __k_name=${0##*/}
      elif [ -n "$__k_venv" ]; then
        __k_as=$__k_called
      fi
    fi
  fi
fi

# What programs may read.
export install_root="${__k_mount:-$__k_root}" OLD_PATH="${PATH-}"
if [ -n "$__k_environment_root" ]; then export env_root="$__k_environment_root"; else unset env_root; fi

# Inside this environment already (its image or view holds this marker): the program itself, never a second
# container. What was called is a launcher by whatever path, so that a venv's python is never run by its own.
__k_inside=
if [ -e "$__k_mark/.kapseli/$__k_id" ]; then
  __k_inside=1
elif [ -n "$__k_view" ] && [ -z "$__k_isolated" ] && [ -e "${__k_mount:-/-}/.kapseli/$__k_id" ]; then
  __k_inside=1 __k_bin=$__k_mount/.kapseli/bin
fi
if [ -n "$__k_inside" ]; then
  case $__k_name in
    _debug_exec | _debug_shell) __k_fail "called inside the container of this environment, where it is not needed" ;;
  esac
  export _CW_IN_CONTAINER=Yes
  [ -z "${__k_link-}" ] || __k_name=${__k_link##*/}
  [ -z "$__k_venv" ] || __k_as=${__k_as:-$__k_self}
  __k_command
  # shellcheck disable=SC2016 # bash is to expand it
  [ -z "$__k_as" ] || exec /bin/bash -c 'exec -a "$0" "$@"' "$__k_as" "$__k_self" "$@"
  exec "$__k_self" "$@"
fi
if [ -L /.kapseli-base ] || [ -d /.singularity.d ]; then
  if [ -n "$__k_isolated" ] || [ -z "$__k_mount" ]; then
    __k_fail "called from another container, and this environment is isolated; call it outside of containers"
  fi
  __k_fail "called inside another container in which $__k_mount is not mounted; call it outside, or start that container with CW_EXTRA_BIND_MOUNTS=$__k_prefix/current/env.sqfs:$__k_mount:image-src=/"
fi
unset _CW_IN_CONTAINER
# Outside a container these are left over from one (srun or mpirun started inside it).
if [ -n "${SINGULARITY_NAME-}${APPTAINER_NAME-}" ]; then
  unset SINGULARITY_NAME SINGULARITY_COMMAND SINGULARITY_ENVIRONMENT SINGULARITY_BIND SINGULARITY_CONTAINER
  unset APPTAINER_NAME APPTAINER_COMMAND APPTAINER_ENVIRONMENT APPTAINER_BIND APPTAINER_CONTAINER
fi

if [ -n "$__k_mount" ]; then
  if [ ! -r "$__k_image" ] || [ ! -s "$__k_image" ]; then
    __k_fail "the image $__k_image is missing or cannot be read; mend it with kapseli verify --repair $__k_prefix, or build the environment again"
  fi
  # An image that was changed after its launcher was written is looked at: its own first block says how long it is
  # (struct squashfs_super_block, bytes_used). The runtime would only say that it cannot mount it.
  if [ "$__k_image" -nt "$__k_generation/launcher.sh" ] &&
    __k_size=$(od -A n -t u8 -j 40 -N 8 "$__k_image" 2>/dev/null) && __k_size=${__k_size##* } &&
    [ -n "$(find -L "$__k_image" -size "-${__k_size}c" 2>/dev/null)" ]; then
    __k_fail "the image $__k_image is cut; mend it with kapseli verify --repair $__k_prefix, or build the environment again"
  fi
fi
if [ -n "$__k_view" ] && [ ! -d "$__k_view/bin" ]; then
  __k_fail "the directory $__k_view is missing or cannot be read; mend it with kapseli verify --repair $__k_prefix, or build the environment again"
fi

# The runtime's configuration is JSON of at most 1 MB: it would change bytes that are not UTF-8. Refused here,
# because the values of further variables can be asked for only by name without starting a process.
__k_check_utf8 "$0 $* $PWD ${PATH-} ${HOME-} ${TMPDIR-} ${PYTHONPATH-} ${LD_LIBRARY_PATH-} "
[ -z "$__k_invalid" ] ||
  __k_fail "an argument, the working directory or one of PATH, HOME, TMPDIR, PYTHONPATH, LD_LIBRARY_PATH is not valid UTF-8, and the container runtime would change its bytes; give the file a UTF-8 name"
[ "$__k_bytes" -le 1040000 ] ||
  __k_fail "the arguments have $__k_bytes bytes, and the container runtime takes no more than 1 MB with everything else; put them into a file"

# The host's directories that exist now. On the host base the top level but links that the skeleton has; on an
# image base what the image lacks or has empty. An isolated environment has its mount points, and on the host base
# the system.
__k_binds=
__k_odd=
for __k_entry in /*; do
  case $__k_hidden in *"$__k_entry/"*) continue ;; esac
  if [ -n "$__k_isolated" ]; then
    [ -z "$__k_on_image" ] || break
    case $__k_entry in
      /usr | /bin | /sbin | /lib | /lib32 | /lib64 | /libx32 | /etc | /opt | /var | /tmp) ;;
      *) continue ;;
    esac
  fi
  if [ ! -d "$__k_entry" ] || [ ! -x "$__k_entry" ]; then continue; fi
  if [ -L "$__k_entry" ] && [ -L "$__k_generation/root$__k_entry" ]; then continue; fi
  case $__k_entry in
    *\"*) ;; # neither -B nor --mount can carry it
    *[:,]*) __k_odd=$__k_odd,$__k_entry ;;
    *) __k_binds=$__k_binds,$__k_entry ;;
  esac
done
[ -z "$__k_isolated" ] || __k_mount_points

# The runtime makes a missing mount point, where it may. One directly below / needs no right to write there.
if [ -n "$__k_mount" ] && [ ! -d "$__k_mount" ] && __k_is_bound "$__k_mount"; then
  __k_above=${__k_mount%/*}
  while [ -n "$__k_above" ] && [ ! -d "$__k_above" ]; do __k_above=${__k_above%/*}; done
  if [ -n "$__k_above" ] && [ ! -w "$__k_above" ]; then
    [ -z "$__k_moved" ] ||
      __k_fail "the environment was moved from $__k_mount, and that directory, where it has to be mounted, cannot be made in $__k_above; make it, or run: kapseli relocate $__k_prefix"
    __k_fail "the directory $__k_mount, where the image of this environment has to be mounted, is gone and cannot be made in $__k_above; make it"
  fi
fi

# A path that is not visible inside (a link in a directory that is not bound) becomes the command of that name.
# The runtime itself binds /dev; another python than the venv's must not run in silence.
if [ -z "$__k_named" ] || [ -n "$__k_as" ]; then
  __k_where=${__k_as:-$__k_self}
  case $__k_where in
    "${HOME:-/dev/null}"/*) ;;
    *)
      if __k_is_bound "$__k_where"; then
        :
      elif [ -z "$__k_venv" ]; then
        __k_command
      elif [ "$__k_top" != /dev ] && [ -z "${SINGULARITY_BIND-}${APPTAINER_BIND-}" ]; then
        __k_fail "the virtual environment of $__k_where is not visible inside the container; put it elsewhere, or bind $__k_top with SINGULARITY_BIND"
      fi
      ;;
  esac
fi

__k_verb='exec'
__k_hold=
case $__k_name in
  _debug_exec)
    # By kapseli warm: a container that others join, and a command that is known to be there.
    case ${1-} in
      --hold | --there)
        __k_hold=$1
        shift
        ;;
    esac
    [ $# -gt 0 ] || __k_fail "usage: _debug_exec COMMAND [ARGUMENT ...] runs COMMAND in the container of this environment"
    __k_activate=
    ;;
  _debug_shell)
    case ${1--} in
      -*) ;;
      *) __k_fail "usage: _debug_shell [OPTION ...] starts a shell in the container of this environment, with options of the container runtime's shell (-B, --shell)" ;;
    esac
    __k_verb='shell'
    __k_activate=
    ;;
  *)
    if [ -n "$__k_named" ]; then
      case $__k_commands in
        *"/$__k_name/"*) ;;
        *) __k_fail "the environment in $__k_root has no command of this name (any more)" ;;
      esac
    fi
    set -- "$__k_self" "$@"
    # shellcheck disable=SC2016 # bash is to expand it
    [ -z "$__k_as" ] || set -- /bin/bash -c 'exec -a "$0" "$@"' "$__k_as" "$@"
    ;;
esac

# Environment. What activation changed was recorded when the environment was built. PATH and LD_LIBRARY_PATH inside
# are put together here: the runtime takes neither from the caller.
if [ -z "$__k_isolated" ]; then
  __k_path=${PATH:-/usr/local/bin:/usr/bin:/bin} __k_libraries=${LD_LIBRARY_PATH-}
  export _CW_IS_ISOLATED=no
else
  __k_path=${APPTAINERENV_PATH-${SINGULARITYENV_PATH-}}
  __k_path=${__k_path:+$__k_path:}$__k_own_path __k_libraries=$__k_own_libraries
  export _CW_IS_ISOLATED=yes
fi
if [ -n "$__k_activate" ]; then
  if [ -n "${CW_FORCE_CONDA_ACTIVATE+set}" ]; then
    __k_environment
  elif [ -z "$__k_venv" ] && [ -z "${CW_NO_CONDA_ACTIVATE+set}" ]; then
    __k_environment
  fi
fi
case $__k_path in
  "$__k_bin" | "$__k_bin:"*) ;;
  *) __k_path=$__k_bin:$__k_path ;;
esac
export SINGULARITYENV_PATH="${__k_venv:+$__k_venv:}$__k_path"
export APPTAINERENV_PATH="$SINGULARITYENV_PATH"
__k_libraries=$__k_first_libraries:${APPTAINERENV_LD_LIBRARY_PATH-${SINGULARITYENV_LD_LIBRARY_PATH-}}:$__k_last_libraries:$__k_libraries
# An empty item would be the working directory.
while :; do
  case $__k_libraries in
    :*) __k_libraries=${__k_libraries#:} ;;
    *:) __k_libraries=${__k_libraries%:} ;;
    *::*) __k_libraries=${__k_libraries%%::*}:${__k_libraries#*::} ;;
    *) break ;;
  esac
done
if [ -n "$__k_libraries" ]; then
  export SINGULARITYENV_LD_LIBRARY_PATH="$__k_libraries" APPTAINERENV_LD_LIBRARY_PATH="$__k_libraries"
fi
__k_extra_environment

# HOME as the caller has it: -H keeps it; what -H cannot carry goes through env inside.
case ${HOME-} in
  /*:* | [!/]*)
    [ "$__k_verb" = shell ] || set -- /usr/bin/env "HOME=$HOME" "$@"
    __k_with_home=
    ;;
  /*) __k_with_home=1 ;;
  *) __k_with_home= ;;
esac

__k_program=$#
# What follows a base is the program's; a shell's words are options of the runtime.
case $__k_base in
  /*) ;;
  *) __k_base=$__k_generation/$__k_base ;;
esac
case $__k_verb in
  shell) set -- "$@" "$__k_base" ;;
  *) set -- "$__k_base" "$@" ;;
esac

# The image goes last, over every other mount; a view goes before it.
case $__k_prefix in
  *\"*) __k_fail "the prefix was moved to a path with a double quote in it ($__k_prefix); give it another name" ;;
esac
case $__k_way in
  image)
    # The interpreter from the file system, where its pages stay in memory from one start to the next. The runtime
    # would make a mount point that the host does not have.
    if [ -n "$__k_interpreter" ] && [ -f "$__k_mount/$__k_interpreter" ] && [ -x "$__k_generation/interpreter" ]; then
      set -- --mount "type=bind,\"src=$__k_generation/interpreter\",\"dst=$__k_mount/$__k_interpreter\",ro" "$@"
    fi
    set -- --mount "type=bind,\"src=$__k_image\",\"dst=$__k_mount\",image-src=/,ro" "$@"
    ;;
  session)
    set -- --mount "type=bind,\"src=$__k_image\",\"dst=/.kapseli-image\",image-src=/,ro" \
      --mount "type=bind,\"src=$__k_session/data-images/0\",\"dst=$__k_mount\"" "$@"
    ;;
  fusemount)
    case $__k_image in
      *' '*) __k_fail "the prefix was moved to a path with a space in it ($__k_prefix), which this runtime cannot mount; give it another name" ;;
    esac
    set -- --fusemount "\"host:setsid $__k_squashfuse $__k_image $__k_mount\"" "$@"
    ;;
esac
[ -z "$__k_view" ] || set -- --mount "type=bind,\"src=$__k_view\",\"dst=$__k_root\",ro" "$@"

if [ -n "$__k_odd" ]; then
  for __k_entry in /*; do
    case $__k_odd, in *",$__k_entry,"*) ;; *) continue ;; esac
    set -- --mount "type=bind,\"src=$__k_entry\",\"dst=$__k_entry\"" "$@"
  done
fi
# What the caller wants bound besides, less entries that would mount over this environment itself.
__k_extra=
__k_rest=
[ -n "$__k_isolated" ] || __k_rest=${CW_EXTRA_BIND_MOUNTS:+$CW_EXTRA_BIND_MOUNTS,}
while [ -n "$__k_rest" ]; do
  __k_entry=${__k_rest%%,*}
  __k_rest=${__k_rest#*,}
  case $__k_entry in
    '' | *":$__k_root" | *":$__k_root:"* | *":$__k_root/" | *":$__k_root/:"*) ;;
    *":$__k_mount" | *":$__k_mount:"* | *":$__k_mount/" | *":$__k_mount/:"*) ;;
    *) __k_extra=$__k_extra,$__k_entry ;;
  esac
done
[ -z "$__k_extra" ] || set -- -B "${__k_extra#,}" "$@"
# Directories that programs need wherever they are: TMPDIR, and the home directory of an isolated environment on the
# host base, whose flags leave it to the launcher.
case ${TMPDIR-} in
  *\"* | / | /dev/* | /proc/* | /sys/*) ;;
  /*)
    if [ -d "$TMPDIR" ] && ! __k_is_bound "$TMPDIR"; then
      set -- --mount "type=bind,\"src=$TMPDIR\",\"dst=$TMPDIR\"" "$@"
    fi
    ;;
esac
if [ -n "$__k_isolated" ] && [ -z "$__k_on_image" ]; then
  case ${HOME-} in
    *\"* | /) ;;
    /*) [ ! -d "$HOME" ] || set -- --mount "type=bind,\"src=$HOME\",\"dst=$HOME\"" "$@" ;;
  esac
fi
if [ -n "$__k_on_image" ]; then
  [ ! -e /dev/nvidiactl ] || set -- --nv "$@"
  [ ! -e /dev/kfd ] || set -- --rocm "$@"
fi
# A working directory that is not visible inside is an error: the runtime by itself would take the home directory
# in silence, which is what an isolated environment is to have. In one that cannot be entered (su, sudo) nothing
# relative works outside either.
if [ "$PWD" -ef . ]; then
  [ -n "$__k_isolated" ] || set -- --pwd "$PWD" "$@"
elif [ -x . ]; then
  __k_fail "the working directory ${PWD:+$PWD }is gone (removed or renamed); change to one that is there"
else
  command cd / && set -- --pwd / "$@"
fi
# What the caller binds over one of the host's directories takes its place: of two binds onto one directory the runtime
# takes the first, and it comes to variables after options.
__k_rest=${APPTAINER_BIND:-${SINGULARITY_BIND-}},${APPTAINER_BINDPATH:-${SINGULARITY_BINDPATH-}},
[ -n "$__k_isolated" ] || __k_rest=$__k_rest${CW_EXTRA_BIND_MOUNTS:+$CW_EXTRA_BIND_MOUNTS,}
while [ "${__k_rest#,}" != "" ]; do
  __k_entry=${__k_rest%%,*}
  __k_rest=${__k_rest#*,}
  case $__k_entry in *:/*) ;; *) continue ;; esac
  __k_top=${__k_entry#*:}
  __k_top=${__k_top%%:*}
  __k_top=${__k_top%/}
  case $__k_binds, in
    *",$__k_top,"*)
      __k_entry=$__k_binds,
      __k_binds=${__k_entry%%",$__k_top,"*},${__k_entry#*",$__k_top,"}
      __k_binds=${__k_binds%,}
      ;;
  esac
done
[ -z "$__k_binds" ] || set -- -B "${__k_binds#,}" "$@"
[ -z "$__k_with_home" ] || set -- -H "$HOME" "$@"

case $__k_runtime in
  */*) [ -x "$__k_runtime" ] || __k_runtime=${__k_runtime##*/} ;;
esac
case $__k_runtime in
  */*) ;;
  *)
    command -v "$__k_runtime" >/dev/null 2>&1 ||
      __k_fail "the container runtime $__k_runtime is not on this host ($(hostname 2>/dev/null)); load its module or ask the administrator for Apptainer or SingularityCE"
    ;;
esac
# A container that is held open (kapseli warm) is looked for only where there may be one.
__k_may_join=
if [ -n "${KAPSELI_WARM-}" ]; then
  [ "$KAPSELI_WARM" = off ] || __k_may_join=1
elif [ -d "${XDG_RUNTIME_DIR:-/dev/null}/kapseli-warm" ]; then
  __k_may_join=1
elif [ -n "${SLURM_JOB_ID-}" ] && [ -d "${XDG_STATE_HOME:-${HOME:-/dev/null}/.local/state}/kapseli/warm" ]; then
  __k_may_join=1
fi
# The tasks of a Slurm job step that share this node may share one container.
__k_may_share=
case ${KAPSELI_WARM-}:${SLURM_STEP_TASKS_PER_NODE:-1} in
  off:* | *:1) ;;
  *) [ ! -r "$__k_generation/warm-step.sh" ] || __k_may_share=1 ;;
esac
if [ "$__k_verb" != exec ] || [ -n "${__k_runner-}" ]; then __k_may_join='' __k_may_share=; fi
# Our own text (templates/warm.sh), which is parsed only then.
[ -z "$__k_may_join$__k_may_share$__k_hold" ] || command eval "$__k_warm"
if [ "$__k_hold" = --hold ]; then
  __k_container_words "$@" || __k_fail "a variable of the kind SINGULARITYENV_X is set, which is not carried into a container that is joined"
  # Never empty, so that it can be seen what the runtime adds to it.
  export KAPSELI_HELD="$__k_words" KAPSELI_HELD_LIBRARIES="${__k_libraries:-/}"
  export SINGULARITYENV_LD_LIBRARY_PATH="$KAPSELI_HELD_LIBRARIES" APPTAINERENV_LD_LIBRARY_PATH="$KAPSELI_HELD_LIBRARIES"
else
  [ -z "$__k_may_join" ] || __k_join "$@"
  if [ -n "$__k_may_share" ]; then
    # shellcheck disable=SC1091 # generated
    command . "$__k_generation/warm-step.sh"
    __k_share "$@"
  fi
fi
__k_run "$@"
