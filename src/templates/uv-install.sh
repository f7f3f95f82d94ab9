# Makes an environment with uv in one container start: the venv, the requirements, and pip where the index has it
# (people expect it; uv itself needs none). Arguments: UV PYTHON ROOT REQUIREMENTS
# shellcheck shell=sh
set -e
"$1" venv --no-project --no-progress --allow-existing --python "$2" "$3"
"$1" pip install --no-progress --python "$3/bin/python3" -r "$4"
"$1" pip install --no-progress --python "$3/bin/python3" pip || echo 'pip is not added: the index has none'
