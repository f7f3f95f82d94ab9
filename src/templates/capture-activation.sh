# Activates the environment once, as conda does, and writes down the variables before and after (NUL-separated).
# Arguments: ROOT BEFORE-FILE AFTER-FILE VARIABLES-FILE; the last exports the environment's own variables, whose values
# everybody could read in the list of processes.
# Runs in bash where the base has one, else in sh; activation scripts are the packages' own code.
# shellcheck shell=sh disable=SC2154
__kapseli_root=$1 __kapseli_before=$2 __kapseli_after=$3 __kapseli_variables=$4
shift 4
# The runtime has its own LD_LIBRARY_PATH and drops the caller's: a known value comes under another name.
unset LD_LIBRARY_PATH
if [ -n "${KAPSELI_PROBE_LIBRARIES-}" ]; then export LD_LIBRARY_PATH="$KAPSELI_PROBE_LIBRARIES"; fi
env -0 >"$__kapseli_before" || exit 90
export CONDA_PREFIX="$__kapseli_root" CONDA_DEFAULT_ENV="$__kapseli_root" CONDA_SHLVL=1
export PATH="$__kapseli_root/bin:$PATH"
# shellcheck disable=SC1090 # made by the build
. "$__kapseli_variables" || exit 90
__kapseli_status=0
for __kapseli_script in "$__kapseli_root"/etc/conda/activate.d/*.sh; do
  [ -r "$__kapseli_script" ] || continue
  # shellcheck disable=SC1090 # the packages' scripts
  . "$__kapseli_script" || {
    printf '%s\n' "kapseli: $__kapseli_script ended with status $?" >&2
    __kapseli_status=91
  }
done
env -0 >"$__kapseli_after" || exit 90
exit "$__kapseli_status"
