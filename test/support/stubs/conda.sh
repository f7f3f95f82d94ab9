#!/bin/sh
# A stand-in for micromamba, mamba and conda: takes their words, behaves as runtime.md says of the real 2.8.1 where it
# matters to Kapseli, and makes a tiny environment. What it does besides is said by words in the file it is given.
set -eu
[ -z "${STUB_LOG-}" ] || {
  printf '{"program": "%s", "argv": "%s", "root_prefix": "%s", "pkgs": "%s", "conda_prefix": "%s", "cwd": "%s"}\n' \
    "$STUB_NAME" "$*" "${MAMBA_ROOT_PREFIX-}" "${CONDA_PKGS_DIRS-}" "${CONDA_PREFIX-}" "$PWD" >>"$STUB_LOG"
}
prefix='' file=''
while [ $# -gt 0 ]; do
  case $1 in
    -p) prefix=$2 && shift ;;
    -f | --file) file=$2 && shift ;;
    --root-prefix) shift ;;
    env | create | -y) ;;
    *) printf 'error    unknown word %s\n' "$1" >&2 && exit 109 ;;
  esac
  shift
done
# It writes the pip: section beside the file it reads.
: >"${file%/*}/mambaf-requirements.txt"
wanted=$(cat "$file")

case $wanted in
  *nosuchpackage*)
    cat >&2 <<'EOF'
error    libmamba Could not solve for environment specs
    The following package could not be installed
    └─ nosuchpackage =* * does not exist (perhaps a typo or a missing channel).
critical libmamba Could not solve for environment specs
EOF
    exit 1
    ;;
  *pip-fails*)
    printf 'ERROR: No matching distribution found for pip-fails\ncritical libmamba pip failed to install packages\n' >&2
    exit 1
    ;;
  *huge-packages*)
    echo $$ >"$STUB_PID"
    printf 'Summary:\n\n  Install: 1 packages\n\n  Total download: 900TB\n'
    exec sleep 1000
    ;;
  *small-packages*) printf '  Total download: 12kB\n' ;;
esac

mkdir -p "$prefix/bin" "$prefix/conda-meta" "$prefix/lib/python3.11"
printf 'Linking hello-1.0-0\n'
printf '{"name": "hello", "version": "1.0", "url": "https://host/hello-1.0-0.conda", "md5": "00"}\n' \
  >"$prefix/conda-meta/hello-1.0-0.json"
case $wanted in *variables:*) printf '{"version": 1, "env_vars": {"FROM_STATE": "yes"}}\n' >"$prefix/conda-meta/state" ;; esac
case $wanted in
  *nothing-to-run*) exit 0 ;;
  *no-python*) ;;
  *) sed "s|@ROOT@|$STUB_ROOT|g" "$STUB_DIRECTORY/environment-python.sh" >"$prefix/bin/python3" ;;
esac
printf '#!/bin/sh\necho hello\n' >"$prefix/bin/hello"
chmod 755 "$prefix/bin"/*
case $wanted in
  *check-hangs*) : >"$prefix/check-hangs" ;;
  *check-fails*) : >"$prefix/check-fails" ;;
  *install-hangs*)
    # A program of its own that ignores TERM, as installers' children may.
    sh -c 'trap "" TERM; echo $$ >"$STUB_PID"; while :; do sleep 1000 & wait; done' &
    wait
    ;;
esac
