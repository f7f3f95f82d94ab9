#!/bin/sh
# A Slurm of one node, for tests: slurm.sh start DIR, slurm.sh stop DIR. As root; everything is in DIR, but for the
# programs (scripts/host-setup.sh slurm). Users need SLURM_CONF=DIR/slurm.conf.
set -eu
directory=$2
PATH=$PATH:/usr/sbin:/sbin

# They write their state when they end; the directory is then removed.
ended() {
  pids=
  for file in "$directory"/*.pid; do
    [ -s "$file" ] || continue
    pids="$pids $(cat "$file")"
  done
  for pid in $pids; do kill "$pid" 2>/dev/null || :; done
  for pid in $pids; do
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
      tries=$((tries + 1))
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || :
  done
}

case $1 in
  start)
    mkdir -p "$directory/munge" "$directory/state" "$directory/spool"
    chmod 755 "$directory" "$directory/munge"
    head -c 1024 /dev/urandom >"$directory/munge.key"
    chmod 400 "$directory/munge.key"
    munged --key-file="$directory/munge.key" --socket="$directory/munge/socket" --pid-file="$directory/munged.pid" \
      --log-file="$directory/munged.log" --seed-file="$directory/munge.seed" --force
    host=$(hostname -s)
    cat >"$directory/slurm.conf" <<CONF
ClusterName=kapseli
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$directory/munge/socket
CredType=cred/munge
SlurmctldPort=27817
SlurmdPort=27818
StateSaveLocation=$directory/state
SlurmdSpoolDir=$directory/spool
SlurmctldPidFile=$directory/slurmctld.pid
SlurmdPidFile=$directory/slurmd.pid
SlurmctldLogFile=$directory/slurmctld.log
SlurmdLogFile=$directory/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=test Nodes=$host Default=YES OverSubscribe=FORCE:64 State=UP
CONF
    export SLURM_CONF="$directory/slurm.conf"
    slurmctld
    slurmd
    tries=0
    until sinfo -h -o %T 2>/dev/null | grep -q idle; do
      tries=$((tries + 1))
      if [ "$tries" -gt 60 ]; then
        ended
        cat "$directory"/*.log >&2
        exit 1
      fi
      sleep 0.5
    done
    ;;
  stop) ended ;;
esac
