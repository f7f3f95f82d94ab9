#!/bin/sh
# Packs the tool, installs the tarball into a new directory with a space in its name, and runs every command from there.
set -eu

project=$(cd "$(dirname "$0")/.." && pwd -P)
work=$(mktemp -d "${TMPDIR:-/tmp}/kapseli tarball.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

cd "$project"
# The bundle is built already: prepack would write it again under whoever reads it now.
npm pack --ignore-scripts --pack-destination "$work"
mkdir "$work/site"
npm install --prefix "$work/site" --ignore-scripts --no-audit --no-fund "$work"/*.tgz

cd /
wanted=$(node -p 'JSON.parse(fs.readFileSync(process.argv[1], "utf8")).version' "$project/package.json")
for command in $(node -p 'Object.keys(JSON.parse(fs.readFileSync(process.argv[1], "utf8")).bin).join(" ")' "$project/package.json"); do
  program=$work/site/node_modules/.bin/$command
  echo "+ $command --version, --help"
  version=$("$program" --version)
  if [ "$version" != "$wanted" ]; then
    echo "$command --version says '$version', package.json '$wanted'" >&2
    exit 1
  fi
  "$program" --help | grep -q "^usage: $command"
done
# What the package holds besides the bundle.
"$work/site/node_modules/.bin/kapseli" bases
[ -f "$work/site/node_modules/kapseli/share/man/man1/kapseli-list.1" ]
