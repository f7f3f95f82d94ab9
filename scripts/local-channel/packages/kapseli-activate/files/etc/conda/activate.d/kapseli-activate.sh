#!/bin/sh
# What real packages do when an environment is activated: set, prepend, append, unset, and say something.
export ACTIVATED_PLAIN=plain
export ACTIVATED_HOME="$CONDA_PREFIX/share/kapseli-activate"
export ACTIVATED_PREPENDED="$CONDA_PREFIX/first${ACTIVATED_PREPENDED:+:$ACTIVATED_PREPENDED}"
export ACTIVATED_APPENDED="${ACTIVATED_APPENDED:+$ACTIVATED_APPENDED:}$CONDA_PREFIX/last"
# shellcheck disable=SC2016 # a value that must never be evaluated
export ACTIVATED_AWKWARD='a "double" and '\''single'\'' quote, $HOME, `touch pwned`, $(touch pwned), back\slash
a second line, ünïcode, a trailing space '
export ACTIVATED_EMPTY=
export PATH="$CONDA_PREFIX/libexec/kapseli-activate:$PATH"
if [ -n "${ACTIVATED_UNWANTED+set}" ]; then
  export ACTIVATED_UNWANTED_BEFORE="$ACTIVATED_UNWANTED"
  unset ACTIVATED_UNWANTED
fi
# shellcheck disable=SC2034 # not exported: must not be seen in the environment
ACTIVATED_NOT_EXPORTED=no
echo 'kapseli-activate: activated'
