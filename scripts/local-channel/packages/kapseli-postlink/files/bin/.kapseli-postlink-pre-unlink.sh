#!/bin/sh
# Run by the installer before the package is taken away.
set -eu
rm -rf "$PREFIX/share/kapseli-postlink"
