# Makes an environment with uv in one container start: the venv, the requirements, and pip where the index has it
# (people expect it; uv itself needs none). Arguments: UV PYTHON ROOT REQUIREMENTS [OPTION-OF-VENV ...]
# shellcheck shell=sh
set -e
uv=$1 python=$2 root=$3 requirements=$4
shift 4
"$uv" venv --no-project --no-progress --allow-existing --python "$python" "$@" "$root"
"$uv" pip install --no-progress --python "$root/bin/python3" -r "$requirements"
"$uv" pip install --no-progress --python "$root/bin/python3" pip || echo 'pip is not added: the index has none'
