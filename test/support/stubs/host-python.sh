#!/bin/sh
# A host's python3 with venv: says what it is, and makes the tiny environment as a venv.
case "$*" in
  *python_version*) printf '["%s", "3.11.2", true]\n' "$0" ;;
  "-m venv "*)
    mkdir -p "$3/bin" "$3/lib/python3.11/site-packages"
    sed "s|@ROOT@|$STUB_ROOT|g" "$STUB_DIRECTORY/environment-python.sh" >"$3/bin/python3"
    printf '#!/bin/sh\necho hello\n' >"$3/bin/hello"
    chmod 755 "$3/bin"/*
    ;;
  *) exit 2 ;;
esac
