# Starts a container that the tasks of a Slurm job step join, proves on this node that it can be joined, and writes
# the record for launchers, as src/build/warm.ts does where there is Node. Run by bash -p -c: for the first of the
# tasks by warm-step.sh, and by the build that finds out whether it works.
# Arguments: the text of hold.sh; the launcher _debug_exec; the directory for holders, this user's alone; the
# environment's id; pid and start time of the process with which it ends; the runtime, and what it must say to
# --version (nothing: anything).
# shellcheck shell=bash
# shellcheck disable=SC2015,SC2231 # what fails on either side fails; no blank in these paths
hold=$1 launcher=$2 place=$3 id=$4 owner=$5 start=$6 runtime=$7 version=$8
claim=$place/$id.claim
held=
said=
umask 077

# Those who wait make an ordinary start at once.
fail() {
  trap - EXIT
  printf no >"$claim"
  [ -z "$said" ] || kill "$said"
  [ -z "$held" ] || kill "$held"
  /bin/rm -rf -- "$place/new"
  exit 1
}
trap fail EXIT
cd / || fail

# srun waits until nobody has the task's files open any more.
for fd in /proc/$$/fd/*; do
  fd=${fd##*/}
  [ "$fd" -le 2 ] || eval "exec $fd>&-"
done
# The image is read for all tasks: not on the processor alone that this one is bound to, and not until this one's
# share of processor time is used up.
/usr/bin/taskset -pc 0-8191 $$ >/dev/null
[ "$(ulimit -t)" = unlimited ] || fail

# What this start has set for its own container.
unset SINGULARITYENV_PATH APPTAINERENV_PATH SINGULARITYENV_LD_LIBRARY_PATH APPTAINERENV_LD_LIBRARY_PATH
export KAPSELI_WARM=off PWD=/
/bin/mkdir "$place/new" "$place/new/$id" || fail
coproc HELD {
  exec "$launcher" --hold /bin/sh -c "$hold" kapseli-warm "$hold" "$place/$id" "$owner" "$start" "$place"
} 2>/dev/null
held=$HELD_PID
exec {to}>&"${HELD[1]}" {from}<&"${HELD[0]}"
if [ -n "$version" ]; then
  exec {answer}< <(exec "$runtime" --version)
  said=$!
fi
# Sooner than the others stop waiting for it.
read -r -t 4 pid <&"$from" || fail
if [ -n "$version" ]; then
  read -r -t 1 line <&"$answer" && [ "$line" = "$version" ] || fail
  said=
fi
LC_ALL=C

# In a process namespace of its own it has said a number that belongs to another process here. Any other namespace
# of its own would be missed by those who join.
[[ $pid =~ ^[1-9][0-9]*$ ]] && read -r line <"/proc/$pid/stat" || fail
# shellcheck disable=SC2206 # numbers and one letter
fields=(${line##*')' })
began=${fields[19]}
[ "${fields[0]}" != Z ] && [ -n "$began" ] || fail
for space in "/proc/$$/ns/"*; do
  kind=${space##*/}
  case $kind in
    mnt | user) [[ -e /proc/$pid/ns/$kind && ! $space -ef /proc/$pid/ns/$kind ]] || fail ;;
    *) [[ $space -ef /proc/$pid/ns/$kind ]] || fail ;;
  esac
done

# A line `[export ]NAME='VALUE'`.
assign() {
  local rest=$2
  printf "%s='" "$1"
  while [[ $rest == *\'* ]]; do
    printf "%s'\\\\''" "${rest%%\'*}"
    rest=${rest#*\'}
  done
  printf "%s'\n" "$rest"
}

# What the runtime has made of the variables (runtimeVariables in src/prefix/holder-record.ts).
names=() values=()
words='' told='' libraries='' path=$PATH
while IFS= read -r -d '' entry; do
  name=${entry%%=*} value=${entry#*=}
  case $name in
    SINGULARITYENV_* | APPTAINERENV_*) ;;
    SINGULARITY* | APPTAINER* | PS1 | PROMPT_COMMAND)
      [[ $name =~ ^[A-Z_a-z][A-Z_a-z0-9]*$ ]] || fail
      names+=("$name") values+=("$value")
      ;;
    KAPSELI_HELD) words=$value ;;
    KAPSELI_HELD_LIBRARIES) told=$value ;;
    LD_LIBRARY_PATH) libraries=$value ;;
    USER_PATH) path=$value ;;
  esac
done <"/proc/$pid/environ"
[ -n "$words" ] && [ -n "$told" ] || fail
case $path in "$PATH"*) ;; *) fail ;; esac
case $libraries in "$told"*) ;; *) fail ;; esac

changes=
for wdns in --wdns=/ ''; do
  # shellcheck disable=SC2086 # nothing, or one word
  if /usr/bin/nsenter -t "$pid" -U -m --preserve-credentials $wdns -- /bin/sh -c 'exit 0'; then
    changes=${wdns:+1}
    break
  fi
  [ -n "$wdns" ] || fail
done

# The last line says that it is whole.
read -r boot </proc/sys/kernel/random/boot_id || fail
{
  assign __k_w_pid "$pid"
  assign __k_w_start "$began"
  assign __k_w_boot "$boot"
  assign __k_w_nsenter /usr/bin/nsenter
  assign __k_w_changes_directory "$changes"
  assign __k_w_words "$words"
  assign __k_w_path_end "${path#"$PATH"}"
  assign __k_w_libraries_end "${libraries#"$told"}"
  printf '__k_w_environment() {\n'
  for at in "${!names[@]}"; do assign "  export ${names[at]}" "${values[at]}"; done
  printf '  :\n}\n__k_w_end=1\n'
} >"$place/new/$id/record" || fail
/bin/mkdir "$place/new/$id/starts.$pid" || fail
# What an earlier one of this step left, which was killed.
/bin/rm -rf -- "${place:?}/$id"
/bin/mv -- "$place/new/$id" "$place/$id" || fail
/bin/rmdir "$place/new"
printf 'go\n' >&"$to"
trap - EXIT

# Slurm kills what is left of a step at its end, also holders: what is left of those.
for other in /dev/shm/kapseli-warm.*.*; do
  [ -O "$other" ] && [ ! -L "$other" ] && [ -d "$other" ] || continue
  began=${other##*.}
  pid=${other%.*}
  pid=${pid##*.}
  line=
  { read -r line <"/proc/$pid/stat"; } 2>/dev/null
  # shellcheck disable=SC2206 # as above
  fields=(${line##*')' })
  [ "${fields[0]-Z}" != Z ] && [ "${fields[19]-}" = "$began" ] || /bin/rm -rf -- "$other"
done
exit 0
