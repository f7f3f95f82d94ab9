# Makes an environment with uv: the venv, and by uv_install.py the requirements, and pip where the index has it.
# Arguments: UV PYTHON ROOT REQUIREMENTS UV_INSTALL [OPTION-OF-VENV ...]; an empty PYTHON: the venv is there.
# shellcheck shell=sh
set -e
uv=$1 python=$2 root=$3 requirements=$4 installer=$5
shift 5
[ -z "$python" ] || "$uv" venv --no-project --no-progress --allow-existing --python "$python" "$@" "$root"
[ -n "$requirements" ] || exit 0
exec "$root/bin/python3" -I -S "$installer" "$uv" "$root" "$requirements" pip
