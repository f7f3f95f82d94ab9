#!/bin/sh
# The "python3" of a tiny environment. It answers what a build asks of one.
here=${0%/bin/*}
case "$*" in
  *sys.executable*)
    [ ! -e "$here/check-fails" ] || { echo 'python3: error while loading shared libraries: libx.so' >&2 && exit 127; }
    # shellcheck disable=SC2093 # only where it is to hang
    [ ! -e "$here/check-hangs" ] || { echo $$ >"$STUB_PID" && exec sleep 1000; }
    mark=$3 inside=$4
    shift 4
    printf '%s%s\0%s\0%s' "$mark" '@ROOT@/bin/python3' '@ROOT@' 3.11.2
    for name do
      { [ -f "$inside/$name" ] && [ -x "$inside/$name" ]; } || printf '\0%s' "$name"
    done
    printf '%s\n' "$mark" ;;
  *compileall*) : >"$here/lib/compiled" ;;
  *"-m pip install"*)
    for last do :; done
    case $(cat "$last") in
      *build-fails*) cat "$STUB_DIRECTORY/../../unit/tools/outputs/pip-wheel.txt" && exit 1 ;;
      *unreachable*) cat "$STUB_DIRECTORY/../../unit/tools/outputs/pip-network.txt" && exit 1 ;;
    esac
    printf 'Collecting hello\nInstalling collected packages: hello\n'
    ;;
esac
