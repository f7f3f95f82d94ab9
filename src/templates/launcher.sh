# What every command of this environment does when it is called: nothing but exec of the container runtime.
# Sourced by the stub (bin/NAME), which sets __k_prefix, __k_dir and __k_moved. The data above was found and
# tried when the environment was built. POSIX sh (dash, bash, ksh, busybox); starts no process of its own.
# Every name begins with __k_, so that no variable of the caller's is touched.
# shellcheck shell=sh
# shellcheck disable=SC3013 # -ef is in all of these shells
# shellcheck disable=SC2154 # the data block and the stub set what is used here

__k_fail() {
  printf '%s\n' "kapseli: ${0##*/}: $1" >&2
  exit 1
}

__k_name=${0##*/}
__k_generation=$__k_prefix/generations/$__k_number
__k_image=$__k_generation/env.sqfs

# Which program to run: the path it was called by where that is the same inside, else its name in the environment.
__k_named=
case $0 in
  "$__k_root"/bin/*/*) __k_self=$0 ;;
  "$__k_root"/bin/*) __k_self=$0 __k_named=1 ;;
  /*) __k_self=$0 ;;
  ./*) __k_self=$PWD/${0#./} ;;
  *) __k_self=$PWD/$0 ;;
esac
if [ -z "$__k_named" ]; then
  # A copy of a launcher elsewhere, which is no link, is no program inside.
  if [ -n "$__k_moved" ] || [ ! -L "$0" ] || [ "$__k_dir" -ef "$__k_prefix/bin" ]; then
    __k_self=$__k_root/bin/$__k_name __k_named=1
  fi
fi

# A venv on top keeps its own python and comes first in PATH inside.
__k_venv=
if [ -z "$__k_named" ] && [ -f "$__k_dir/../pyvenv.cfg" ]; then
  __k_venv=${__k_self%/*}
fi

# Inside this environment already (its image holds this marker): the program itself, never a second container.
if [ -e "$__k_root/.kapseli/$__k_id" ]; then
  [ -n "$__k_venv" ] || __k_self=$__k_root/bin/$__k_name
  exec "$__k_self" "$@"
fi
if [ -L /.kapseli-base ] || [ -d /.singularity.d ]; then
  __k_fail "called inside another container in which $__k_root is not mounted; call it outside, or start that container with CW_EXTRA_BIND_MOUNTS=$__k_image:$__k_root:image-src=/"
fi
# Outside a container these are left over from one (srun or mpirun started inside it).
if [ -n "${SINGULARITY_NAME-}${APPTAINER_NAME-}" ]; then
  unset SINGULARITY_NAME SINGULARITY_COMMAND SINGULARITY_ENVIRONMENT SINGULARITY_BIND SINGULARITY_CONTAINER
  unset APPTAINER_NAME APPTAINER_COMMAND APPTAINER_ENVIRONMENT APPTAINER_BIND APPTAINER_CONTAINER
fi

[ -r "$__k_image" ] || __k_fail "the image $__k_image is missing or cannot be read; build the environment again"

# The runtime makes a missing mount point, where it may. One directly below / needs no right to write there.
if [ -n "$__k_moved" ] && [ ! -d "$__k_root" ]; then
  __k_above=${__k_root%/*}
  while [ -n "$__k_above" ] && [ ! -d "$__k_above" ]; do __k_above=${__k_above%/*}; done
  if [ -n "$__k_above" ] && [ ! -w "$__k_above" ]; then
    __k_fail "the environment was moved from $__k_root, and that directory, where it has to be mounted, cannot be made in $__k_above; make it, or build the environment again here"
  fi
fi

# The runtime's configuration is JSON of at most 1 MB: it would change bytes that are not UTF-8. Refused here,
# because the values of further variables can be asked for only by name without starting a process.
__k_check_utf8 "$0 $* $PWD ${PATH-} ${HOME-} ${TMPDIR-} ${PYTHONPATH-} ${LD_LIBRARY_PATH-} "
[ -z "$__k_invalid" ] ||
  __k_fail "an argument, the working directory or one of PATH, HOME, TMPDIR, PYTHONPATH, LD_LIBRARY_PATH is not valid UTF-8, and the container runtime would change its bytes; give the file a UTF-8 name"
[ "$__k_bytes" -le 1040000 ] ||
  __k_fail "the arguments have $__k_bytes bytes, and the container runtime takes no more than 1 MB with everything else; put them into a file"

# The host's top-level directories that exist now. On the host base all but links that the skeleton has; on an
# image base those that the image lacks or has empty.
__k_binds=
__k_odd=
for __k_entry in /*; do
  case $__k_hidden in *"$__k_entry/"*) continue ;; esac
  if [ ! -d "$__k_entry" ] || [ ! -x "$__k_entry" ]; then continue; fi
  if [ -L "$__k_entry" ] && [ -L "$__k_generation/root$__k_entry" ]; then continue; fi
  case $__k_entry in
    *\"*) ;; # neither -B nor --mount can carry it
    *[:,]*) __k_odd=$__k_odd,$__k_entry ;;
    *) __k_binds=$__k_binds,$__k_entry ;;
  esac
done

# A path that is not visible inside (a link in a directory that is not bound) becomes the command of that name.
# The runtime itself binds /dev; another python than the venv's must not run in silence.
if [ -z "$__k_named" ]; then
  __k_top=${__k_self#/}
  __k_top=/${__k_top%%/*}
  case $__k_binds$__k_odd,:$__k_self in
    *",$__k_top,"* | *",:${HOME:-/dev/null}"/*) ;;
    *)
      if [ -L "$__k_generation/root$__k_top" ]; then
        : # a link of the host's top level, the same inside
      elif [ -z "$__k_venv" ]; then
        __k_self=$__k_root/bin/$__k_name __k_named=1
      elif [ "$__k_top" != /dev ] && [ -z "${SINGULARITY_BIND-}${APPTAINER_BIND-}" ]; then
        __k_fail "the virtual environment of $__k_self is not visible inside the container; put it elsewhere, or bind $__k_top with SINGULARITY_BIND"
      fi
      ;;
  esac
fi

__k_verb='exec'
case $__k_name in
  _debug_exec)
    [ $# -gt 0 ] || __k_fail "usage: _debug_exec COMMAND [ARGUMENT ...] runs COMMAND in the container of this environment"
    __k_activate=
    ;;
  _debug_shell)
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
    ;;
esac

# HOME as the caller has it: -H keeps it; what -H cannot carry goes through env inside.
case ${HOME-} in
  /*:* | [!/]*)
    [ "$__k_verb" = shell ] || set -- /usr/bin/env "HOME=$HOME" "$@"
    __k_with_home=
    ;;
  /*) __k_with_home=1 ;;
  *) __k_with_home= ;;
esac

case $__k_base in
  /*) set -- "$__k_base" "$@" ;;
  *) set -- "$__k_generation/$__k_base" "$@" ;;
esac

# The image goes last, over every other mount.
case $__k_image in
  *\"*) __k_fail "the prefix was moved to a path with a double quote in it ($__k_prefix); give it another name" ;;
esac
case $__k_way in
  image)
    set -- --mount "type=bind,\"src=$__k_image\",\"dst=$__k_root\",image-src=/,ro" "$@"
    ;;
  session)
    set -- --mount "type=bind,\"src=$__k_image\",\"dst=/.kapseli-image\",image-src=/,ro" \
      --mount "type=bind,\"src=$__k_session/data-images/0\",\"dst=$__k_root\"" "$@"
    ;;
  fusemount)
    case $__k_image in
      *' '*) __k_fail "the prefix was moved to a path with a space in it ($__k_prefix), which this runtime cannot mount; give it another name" ;;
    esac
    set -- --fusemount "\"host:setsid $__k_squashfuse $__k_image $__k_root\"" "$@"
    ;;
esac

if [ -n "$__k_odd" ]; then
  for __k_entry in /*; do
    case $__k_odd, in *",$__k_entry,"*) ;; *) continue ;; esac
    set -- --mount "type=bind,\"src=$__k_entry\",\"dst=$__k_entry\"" "$@"
  done
fi
# What the caller wants bound besides, less entries that would mount over this environment itself.
__k_extra=
__k_rest=${CW_EXTRA_BIND_MOUNTS:+$CW_EXTRA_BIND_MOUNTS,}
while [ -n "$__k_rest" ]; do
  __k_entry=${__k_rest%%,*}
  __k_rest=${__k_rest#*,}
  case $__k_entry in
    '' | *":$__k_root" | *":$__k_root:"*) ;;
    *) __k_extra=$__k_extra,$__k_entry ;;
  esac
done
[ -z "$__k_extra" ] || set -- -B "${__k_extra#,}" "$@"
if [ -n "$__k_on_image" ]; then
  case ${TMPDIR-} in
    *\"*) ;;
    /*) [ ! -d "$TMPDIR" ] || set -- --mount "type=bind,\"src=$TMPDIR\",\"dst=$TMPDIR\"" "$@" ;;
  esac
  [ ! -e /dev/nvidiactl ] || set -- --nv "$@"
  [ ! -e /dev/kfd ] || set -- --rocm "$@"
fi
# A working directory that is not visible inside is an error: the runtime by itself would take the home directory
# in silence. In one that cannot be entered (su, sudo) nothing relative works outside either.
if [ "$PWD" -ef . ]; then
  set -- --pwd "$PWD" "$@"
elif [ -x . ]; then
  __k_fail "the working directory ${PWD:+$PWD }is gone (removed or renamed); change to one that is there"
else
  command cd / && set -- --pwd / "$@"
fi
[ -z "$__k_binds" ] || set -- -B "${__k_binds#,}" "$@"
[ -z "$__k_with_home" ] || set -- -H "$HOME" "$@"

# Environment. What activation changed was recorded when the environment was built.
if [ -n "$__k_activate" ]; then
  if [ -n "${CW_FORCE_CONDA_ACTIVATE+set}" ]; then
    __k_environment
  elif [ -z "$__k_venv" ] && [ -z "${CW_NO_CONDA_ACTIVATE+set}" ]; then
    __k_environment
  fi
fi
__k_path=${PATH:-/usr/local/bin:/usr/bin:/bin}
case $__k_path in
  "$__k_root/bin" | "$__k_root/bin:"*) ;;
  *) __k_path=$__k_root/bin:$__k_path ;;
esac
export SINGULARITYENV_PATH="${__k_venv:+$__k_venv:}$__k_path"
export APPTAINERENV_PATH="$SINGULARITYENV_PATH"
__k_libraries=${APPTAINERENV_LD_LIBRARY_PATH-${SINGULARITYENV_LD_LIBRARY_PATH-}}
__k_libraries=$__k_libraries${LD_LIBRARY_PATH:+${__k_libraries:+:}$LD_LIBRARY_PATH}
if [ -n "$__k_libraries" ]; then
  export SINGULARITYENV_LD_LIBRARY_PATH="$__k_libraries" APPTAINERENV_LD_LIBRARY_PATH="$__k_libraries"
fi

if [ ! -x "$__k_runtime" ]; then
  __k_runtime=${__k_runtime##*/}
  command -v "$__k_runtime" >/dev/null 2>&1 ||
    __k_fail "the container runtime $__k_runtime is not on this host ($(hostname 2>/dev/null)); load its module or ask the administrator for Apptainer or SingularityCE"
fi
__k_run "$@"
