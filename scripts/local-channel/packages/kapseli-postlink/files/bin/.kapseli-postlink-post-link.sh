#!/bin/sh
# Run by the installer once the package's files are in place.
set -eu
mkdir -p "$PREFIX/share/kapseli-postlink"
printf '%s\n' "$PREFIX" >"$PREFIX/share/kapseli-postlink/prefix"
printf '%s %s\n' "$PKG_NAME" "$PKG_VERSION" >"$PREFIX/share/kapseli-postlink/package"
