# Makes an environment with uv: the venv, the requirements, and pip where the index has it (people expect it; uv itself
# needs none). Arguments: UV PYTHON ROOT REQUIREMENTS [OPTION-OF-VENV ...]; an empty PYTHON: the venv is there.
# shellcheck shell=sh
set -e
uv=$1 python=$2 root=$3 requirements=$4
shift 4
[ -z "$python" ] || "$uv" venv --no-project --no-progress --allow-existing --python "$python" "$@" "$root"
[ -n "$requirements" ] || exit 0
"$uv" pip install --no-progress --python "$root/bin/python3" -r "$requirements"
"$uv" pip install --no-progress --python "$root/bin/python3" pip || echo 'pip is not added: the index has none'
