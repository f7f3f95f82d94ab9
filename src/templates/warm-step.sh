# Sourced by launcher.sh in a task of a Slurm job step: the tasks of a step that share a node share one container there
# (docs/warm.md). The first of them starts a holder that ends with the step, the others wait for it for as long as a
# start takes, and all join it (templates/warm.sh). In every case that is not as the data above was proven with, and
# whenever anything fails, nothing happens and the ordinary start goes on.
# What programs are started here have absolute paths: in PATH there may be launchers of these names.
# shellcheck shell=sh
# shellcheck disable=SC3013,SC3067 # -ef and -O are in all of these shells
# shellcheck disable=SC2154 # the data block and the launcher set what is used here

# Sets __k_tasks to the number of tasks on a node, from Slurm's list (`32`, `16(x4),8`: 16 on four nodes, 8 on the
# fifth) and the node's number in the step. 1 where that is not to be read.
__k_tasks_on_node() {
  __k_left=$1, __k_node=$2
  case $__k_node in '' | *[!0-9]* | ???????*) return 1 ;; esac
  while [ -n "$__k_left" ]; do
    __k_tasks=${__k_left%%,*} __k_times=1
    __k_left=${__k_left#*,}
    case $__k_tasks in
      *'(x'*')')
        __k_times=${__k_tasks#*'(x'}
        __k_times=${__k_times%')'}
        __k_tasks=${__k_tasks%%'('*}
        ;;
    esac
    for __k_entry in "$__k_tasks" "$__k_times"; do
      case $__k_entry in '' | 0* | *[!0-9]* | ???????*) return 1 ;; esac
    done
    [ "$__k_node" -ge "$__k_times" ] || return 0
    __k_node=$((__k_node - __k_times))
  done
  return 1
}

# Sets __k_step and __k_step_start to the pid and start time of the step's own process (slurmstepd), which every task
# descends from, and __k_place to the directory for the step's holders: in memory of this node, under a name that
# nobody can know before the step runs.
__k_find_step() {
  __k_step=$PPID
  while :; do
    case $__k_step in '' | 0 | 1 | *[!0-9]*) return 1 ;; esac
    __k_line=
    { read -r __k_line <"/proc/$__k_step/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086 # numbers and one letter
    set -- ${__k_line##*')' }
    [ "$#" -ge 20 ] || return 1
    case $__k_line in
      "$__k_step (slurmstepd) "*)
        __k_step_start=${20} __k_place=/dev/shm/kapseli-warm.$__k_step.${20}
        return 0
        ;;
    esac
    __k_step=$2
  done
}

# Starts the holder if this is the first start in the step on this node, and waits until there is one or it is known
# that there is none: five seconds at most, once, if a container that is started does not come up.
__k_await_holder() {
  __k_claim=$__k_place/$__k_id.claim
  if [ ! -e "$__k_claim" ]; then
    [ -x /usr/bin/setsid ] && [ -x /usr/bin/nsenter ] && [ -x /bin/bash ] || return 1
    __k_container_words "$@" || return 1
    [ -d "$__k_place" ] || /bin/mkdir -m 700 "$__k_place" 2>/dev/null
    [ -O "$__k_place" ] && [ ! -L "$__k_place" ] || return 1
    # Out of the task's session, as a child of no program, and with nothing of the task's open.
    if (set -C && : >"$__k_claim") 2>/dev/null; then
      /usr/bin/setsid -f /bin/bash -p -c "$__k_start_holder" kapseli-warm "$__k_hold_text" "$__k_prefix/bin/_debug_exec" \
        "$__k_place" "$__k_id" "$__k_step" "$__k_step_start" "$__k_runtime" "$__k_runtime_version" \
        </dev/null >/dev/null 2>&1 || { command printf no >"$__k_claim"; } 2>/dev/null
    fi
  fi
  # A container takes longer than the first of these to start; each costs a process.
  __k_rounds=0 __k_pause=0.15
  while [ ! -f "$__k_place/$__k_id/record" ]; do
    if [ ! -e "$__k_claim" ] || [ -s "$__k_claim" ]; then return 1; fi
    if [ "$__k_rounds" -ge 50 ]; then
      { command printf no >"$__k_claim"; } 2>/dev/null
      return 1
    fi
    /bin/sleep "$__k_pause" 2>/dev/null || return 1
    __k_rounds=$((__k_rounds + 1)) __k_pause=0.1
  done
}

# Becomes the program in the container of its step; returns where there is none. A container that can be joined takes
# somewhat longer to start than one that cannot: two or three tasks are faster without.
__k_share() {
  __k_tasks_on_node "$SLURM_STEP_TASKS_PER_NODE" "${SLURM_NODEID-}" && [ "$__k_tasks" -gt 3 ] || return 0
  __k_find_step || return 0
  [ -f "$__k_place/$__k_id/record" ] || __k_await_holder "$@" || return 0
  __k_join "$@"
}
