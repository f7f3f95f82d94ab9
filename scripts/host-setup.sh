#!/bin/sh
# Installs what Kapseli's quickstart and tests need on a Debian 12 machine.
#
#   host-setup.sh [--describe] [runtime] [python] [test-tools] [test-user] [slurm]
#
#   runtime     Apptainer, with what it needs to mount and pack images
#   python      Debian's Python with venv and pip
#   test-tools  shells, a registry and the other programs that the tests run
#   test-user   an ordinary user, kapseli-test (KAPSELI_TEST_USER names another)
#   slurm       Slurm and MUNGE, for the test of warm environments in a job; none of their services is started.
#               Nothing where a Slurm is configured already
#   --describe  change nothing; print what would change, nothing when all is there
#
# It does not ask: whoever calls it shows --describe first. What is there already is left as it is.
# Exit codes: 0 all there; 1 an installation failed; 2 usage; 4 this machine or user cannot, and what to ask for.
set -eu

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

test_user=${KAPSELI_TEST_USER:-kapseli-test}
own_directory=/opt/kapseli            # what is ours on the machine and not dpkg's
runtime_libc=$own_directory/libc      # the libc that Debian sid's Apptainer wants
apt_directory=/var/cache/kapseli/apt  # a private apt configuration: the machine's own is never changed
lock_file=/var/lock/kapseli-host-setup
log=

# One line per package: package, then a program that proves it is there, or "-" to ask dpkg.
# A machine that has the program from elsewhere needs no package.
pack_packages='squashfs-tools mksquashfs'
runtime_packages='squashfuse squashfuse_ll
fuse3 fusermount3
fuse-overlayfs fuse-overlayfs
uidmap newuidmap'
# The shared libraries that Debian sid's Apptainer is linked with.
apptainer_libraries='libseccomp2 -
libsqlite3-0 -'
test_packages='shellcheck shellcheck
zsh zsh
fish fish
tcsh tcsh
ksh93u+m ksh
mksh mksh
busybox busybox
strace strace
hyperfine hyperfine
virtualenv virtualenv
gcc gcc
libc6-dev -
mmdebstrap mmdebstrap
docker-registry docker-registry
skopeo skopeo
umoci umoci
openssl openssl
btrfs-progs mkfs.btrfs
procps ps'
# What Lmod and Environment Modules need. They conflict as packages: see unpack_module_commands.
module_packages='tcl8.6 tclsh8.6
tcl tclsh
less less
lua5.3 lua5.3
lua-filesystem -
lua-json -
lua-posix -
lua-term -'

slurm_packages='slurm-wlm srun
munge munged'

say() { printf 'host-setup: %s\n' "$*"; }
fail() {
  code=$1
  shift
  printf 'host-setup: %s\n' "$*" >&2
  exit "$code"
}
usage() { sed -n '2,/^set -eu/{/^set -eu/d;s/^# \{0,1\}//;p;}' "$0"; }
has() { command -v "$1" >/dev/null 2>&1; }

# ---- what is there ---------------------------------------------------------------------------------------------------

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# missing_of TABLE: the packages of a table that are not there, one per line.
missing_of() {
  printf '%s\n' "$1" | while read -r package program; do
    if [ "$program" = - ]; then
      installed "$package" || echo "$package"
    else
      has "$program" || installed "$package" || echo "$package"
    fi
  done
}

os_release() { sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" /etc/os-release 2>/dev/null; }
is_debian() { [ "$(os_release ID)" = debian ] && has apt-get; }

runtime_works() { { has apptainer && apptainer --version; } >/dev/null 2>&1 || { has singularity && singularity --version; } >/dev/null 2>&1; }
# A runtime that the site installed brings or needs its own helpers; only ours needs them from here.
runtime_is_ours() { [ -e "$own_directory/apptainer.version" ] || ! runtime_works; }
fuse_open_to_all() {
  [ -c /dev/fuse ] || return 1
  case $(stat -c %a /dev/fuse) in *[67]) ;; *) return 1 ;; esac
}
fuse_usable() { fuse_open_to_all || { [ "$(id -u)" != 0 ] && [ -r /dev/fuse ] && [ -w /dev/fuse ]; }; }

# Debian leaves ensurepip out of python3, and a venv cannot be made without it.
python_works() {
  for python in /usr/bin/python3 python3; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null &&
      "$python" -m pip --version >/dev/null 2>&1; then
      return 0
    fi
    # Debian's own Python is the one that every user can read; another one counts only where there is no Debian.
    if is_debian; then return 1; fi
  done
  return 1
}

# A node of a real cluster is left alone.
has_slurm() { [ -e /etc/slurm/slurm.conf ] || [ -e /run/slurm/conf/slurm.conf ] || [ -n "${SLURM_CONF-}" ]; }

has_id_range() { grep -q "^$test_user:" "$1" 2>/dev/null; }
user_complete() { id "$test_user" >/dev/null 2>&1 && has_id_range /etc/subuid && has_id_range /etc/subgid; }

# The packages with a `module` command that are neither installed nor unpacked.
missing_module_commands() {
  for package in lmod environment-modules; do
    installed "$package" || [ -e "$own_directory/$package" ] || echo "$package"
  done
}

# ---- what would change -----------------------------------------------------------------------------------------------

wanted() { case " $parts " in *" $1 "*) return 0 ;; esac; return 1; }

packages_to_install() {
  if wanted runtime; then
    missing_of "$pack_packages"
    if runtime_is_ours; then
      missing_of "$runtime_packages"
      is_debian && missing_of "$apptainer_libraries"
      # patchelf points Apptainer at its own libc, once.
      runtime_works || missing_of 'patchelf patchelf'
    fi
  fi
  if wanted python && ! python_works; then
    missing_of 'python3 -
python3-venv -
python3-pip -'
  fi
  if wanted slurm && ! has_slurm; then missing_of "$slurm_packages"; fi
  if wanted test-tools; then
    missing_of "$test_packages"
    if [ -n "$(missing_module_commands)" ]; then missing_of "$module_packages"; fi
  fi
  return 0
}

describe() {
  packages=$(packages_to_install | tr '\n' ' ')
  if [ -n "$packages" ]; then echo "install packages from the machine's own package sources: ${packages% }"; fi
  if wanted runtime; then
    if ! runtime_works; then
      echo "unpack Apptainer from Debian sid over / : /usr/bin/apptainer, /usr/lib/*/apptainer, /etc/apptainer (dpkg does not know of it)"
      echo "unpack the libc it wants into $runtime_libc, beside the system's own"
      echo "keep Debian sid's package list in $apt_directory (the apt configuration of the machine is not changed)"
      [ -e /usr/bin/singularity ] || echo "link /usr/bin/singularity to apptainer"
    fi
    if ! fuse_usable; then
      if [ -e /dev/fuse ]; then
        echo "change the mode of /dev/fuse from $(stat -c %a /dev/fuse) to 666"
      else
        echo "make the device /dev/fuse, mode 666"
      fi
    fi
  fi
  if wanted test-tools && is_debian; then
    for package in $(missing_module_commands); do
      echo "unpack the package $package into $own_directory/$package (no shell of the machine loads it)"
    done
  fi
  if wanted test-user && ! user_complete; then
    echo "make the user $test_user with a home directory and ranges in /etc/subuid and /etc/subgid"
  fi
  return 0
}

# ---- changes ---------------------------------------------------------------------------------------------------------

# logged WHAT COMMAND...: the command's output goes to the log; when it fails, the log is named and its end shown.
logged() {
  what=$1
  shift
  printf '+ %s\n' "$*" >>"$log"
  if "$@" >>"$log" 2>&1 </dev/null; then return 0; fi
  tail -n 5 "$log" | sed 's/^/    /' >&2
  keep_log=1
  fail 1 "$what failed; the whole output is in $log"
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@"
}

# Packages with a service (docker-registry) must not start it: neither now, nor where systemd is, at the next boot.
without_services() {
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  policy_made=$policy
  status=0
  "$@" || status=$?
  rm -f "$policy"
  policy_made=
  return "$status"
}

install_packages() {
  # shellcheck disable=SC2046 # one package per word
  set -- $(packages_to_install)
  if [ $# = 0 ]; then return 0; fi
  say "installing $# packages: $*"
  # The package lists of a fresh machine are missing or old: fetch them only when the installation fails without.
  if ! without_services apt_get install --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
    say "fetching the package lists first"
    logged "apt-get update" apt_get update
    logged "apt-get install" without_services apt_get install --no-install-recommends "$@"
  fi
  if [ -d /run/systemd/system ]; then
    case " $* " in *' docker-registry '*) systemctl disable --now docker-registry >>"$log" 2>&1 || true ;; esac
    case " $* " in *' slurm-wlm '*) systemctl disable --now slurmctld slurmd munge >>"$log" 2>&1 || true ;; esac
  fi
}

# Lmod and Environment Modules, side by side: as packages they conflict, and would put `module` into every login shell.
# Both are scripts with absolute paths, which are written anew.
unpack_module_commands() {
  for package in $(missing_module_commands); do
    download=$(mktemp -d "${TMPDIR:-/tmp}/kapseli-module.XXXXXX")
    # shellcheck disable=SC2016 # expanded by the inner shell
    logged "fetching $package" sh -c 'cd "$1" && exec apt-get -q download "$2"' sh "$download" "$package"
    home=$own_directory/$package
    rm -rf "$home.new"
    mkdir -p "$home.new"
    logged "unpacking $package" dpkg -x "$download"/*.deb "$home.new"
    find "$home.new" -type f -exec grep -lIE '/(usr/share/(lmod|modules)|usr/lib/[^ ]*modulecmd|etc/(lmod|environment-modules))' {} + |
      while read -r script; do
        sed -i -E "s#/(usr/share/(lmod|modules)|usr/lib/[^/ ]*/?(modulecmd\\.tcl|lmod)|etc/(lmod|environment-modules))#$home/\\1#g" "$script"
      done
    mv "$home.new" "$home"
    rm -rf "$download"
    download=
    say "$package is unpacked in $home"
  done
}

# The mirror that the machine uses for its own release, in whatever file and format that is configured.
debian_mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
    awk -v codename="$(os_release VERSION_CODENAME)" '$2 == codename || $2 == "stable" { print $1; exit }'
}

# sid_apt COMMAND...: apt-get that knows Debian sid and nothing else, and keeps its state to itself.
sid_apt() {
  apt-get -q -o Dir::Etc::sourcelist="$apt_directory/sid.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State::lists="$apt_directory/lists" -o Dir::State::status="$apt_directory/status" \
    -o Dir::Cache="$apt_directory/cache" -o Acquire::Languages=none "$@"
}

fetch_from_sid() {
  mirror=$(debian_mirror)
  if [ -z "$mirror" ]; then
    # apt names only the indexes that it has fetched.
    logged "apt-get update" apt_get update
    mirror=$(debian_mirror)
  fi
  if [ -z "$mirror" ]; then fail 4 "no Debian mirror found in this machine's apt sources"; fi
  options=
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  if [ -r "$keyring" ]; then options="signed-by=$keyring"; fi
  mkdir -p "$apt_directory/lists/partial" "$apt_directory/cache/archives/partial"
  : >"$apt_directory/status"
  printf 'deb %s %s sid main\n' "${options:+[$options]}" "$mirror" >"$apt_directory/sid.list"
  logged "reading Debian sid's package list" sid_apt update
  # apt downloads into the current directory.
  cd "$download"
  logged "downloading Apptainer from Debian sid" sid_apt download apptainer libc6
  cd /
}

# Debian 12 has no Apptainer, and sid's wants a newer libc: that libc goes beside it, not over the system's.
install_apptainer() {
  if runtime_works; then return 0; fi
  say "installing Apptainer from Debian sid"
  download=$(mktemp -d "${TMPDIR:-/tmp}/kapseli-apptainer.XXXXXX")
  # apt fetches as its own user.
  chmod 755 "$download"
  chown _apt "$download" 2>/dev/null || true
  fetch_from_sid
  logged "unpacking Apptainer" dpkg -x "$download"/apptainer_*.deb /
  if ! runtime_works; then
    rm -rf "$runtime_libc.new"
    mkdir -p "$runtime_libc.new"
    logged "unpacking libc" dpkg -x "$download"/libc6_*.deb "$runtime_libc.new"
    rm -rf "$runtime_libc"
    mv "$runtime_libc.new" "$runtime_libc"
    loader=$(find "$runtime_libc" -name 'ld-linux-*.so.*' -type f | head -n 1)
    if [ -z "$loader" ]; then fail 1 "no dynamic loader in Debian sid's libc6"; fi
    libraries=${loader%/*}
    triplet=${libraries##*/}
    # The command last: as long as it does not run, an interrupted installation is done again.
    for program in "/usr/lib/$triplet/apptainer/bin/starter" /usr/bin/apptainer; do
      # Old RPATH, not RUNPATH: it also counts for the libraries' own libraries.
      logged "patchelf $program" patchelf --set-interpreter "$loader" --force-rpath \
        --set-rpath "$libraries:/lib/$triplet:/usr/lib/$triplet" "$program"
    done
  fi
  mkdir -p "$own_directory"
  if ! apptainer --version >"$download/version" 2>>"$log"; then
    tail -n 3 "$log" >&2
    keep_log=1
    fail 1 "Apptainer was unpacked but does not run; see $log"
  fi
  cp "$download/version" "$own_directory/apptainer.version"
  rm -rf "$download"
  download=
  say "$(cat "$own_directory/apptainer.version") is installed"
}

link_singularity() {
  if ! has singularity && [ -x /usr/bin/apptainer ] && [ ! -L /usr/bin/singularity ]; then
    ln -s apptainer /usr/bin/singularity
  fi
}

open_fuse() {
  if fuse_usable; then return 0; fi
  if [ ! -e /dev/fuse ]; then
    logged "making /dev/fuse" mknod /dev/fuse c 10 229
  fi
  logged "opening /dev/fuse" chmod 666 /dev/fuse
  say "/dev/fuse is open to every user"
}

# The first id above every range given out so far.
next_id() {
  awk -F: 'BEGIN { next_id = 100000 } $2 + $3 > next_id { next_id = $2 + $3 } END { print next_id }' /etc/subuid /etc/subgid
}

make_test_user() {
  if user_complete; then return 0; fi
  touch /etc/subuid /etc/subgid
  if ! id "$test_user" >/dev/null 2>&1; then
    logged "making the user $test_user" useradd --create-home --shell /bin/bash "$test_user"
  fi
  first=$(next_id)
  range=$first-$((first + 65535))
  has_id_range /etc/subuid || logged "a range in /etc/subuid" usermod --add-subuids "$range" "$test_user"
  has_id_range /etc/subgid || logged "a range in /etc/subgid" usermod --add-subgids "$range" "$test_user"
  say "the user $test_user is there"
}

clean_up() {
  if [ -n "${policy_made:-}" ]; then rm -f "$policy_made"; fi
  if [ -n "${download:-}" ]; then rm -rf "$download"; fi
  if [ -n "$log" ] && [ -z "${keep_log:-}" ]; then rm -f "$log"; fi
}

# ---- main ------------------------------------------------------------------------------------------------------------

parts=
only_describe=
for argument in "$@"; do
  case $argument in
    runtime | python | test-tools | test-user | slurm) parts="$parts $argument" ;;
    --describe) only_describe=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
done
if [ -z "$parts" ]; then
  usage >&2
  exit 2
fi

changes=$(describe)
if [ -n "$only_describe" ]; then
  if [ -n "$changes" ]; then printf '%s\n' "$changes"; fi
  exit 0
fi
if [ -z "$changes" ]; then exit 0; fi

ask_administrator() {
  {
    printf 'host-setup: %s. Ask the administrator of this machine to:\n' "$1"
    printf '%s\n' "$changes" | sed 's/^/  - /'
  } >&2
  exit 4
}

if ! is_debian; then
  ask_administrator "this is not Debian, so nothing can be installed from here"
fi
if [ "$(id -u)" != 0 ]; then
  # Without a terminal sudo cannot ask for a password.
  if has sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    exec sudo env http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
      KAPSELI_TEST_USER="$test_user" sh "$0" "$@"
  fi
  ask_administrator "this needs root, and this user has no sudo"
fi

log=$(mktemp "${TMPDIR:-/tmp}/kapseli-host-setup.XXXXXX")
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# Two at once (a quickstart and a check) wait for each other instead of failing on apt's locks.
exec 9>"$lock_file"
flock 9

install_packages
if wanted test-tools; then unpack_module_commands; fi
if wanted runtime; then
  install_apptainer
  link_singularity
  open_fuse
fi
if wanted test-user; then make_test_user; fi

left=$(describe)
if [ -n "$left" ]; then
  printf '%s\n' "$left" | sed 's/^/    still to do: /' >&2
  keep_log=1
  fail 1 "not everything could be set up; see $log"
fi
