#!/usr/bin/env bash
# Writes docs/reference.md and docs/settings.md from the comments of the installed extension and from pg_settings, so
# that they cannot differ from the code. Run as an ordinary user from the root of the tree.
# usage: scripts/reference.sh DIRECTORY        writes the two files there
#        scripts/reference.sh --check DOCS     fails, with the difference, where DOCS is not up to date
set -euo pipefail
work=$(mktemp -d)
trap 'scripts/cluster.sh stop "$work/c"; rm -rf "$work"' EXIT
scripts/cluster.sh start "$work/c" fsync=off shared_preload_libraries=pg_atelier
export PGHOST=$work/c PGUSER=postgres PGDATABASE=postgres
psql -Xq -c 'create extension pg_atelier'
psql -XAtq -v ON_ERROR_STOP=1 -f scripts/reference.sql >"$work/reference.md"
psql -XAtq -v ON_ERROR_STOP=1 -f scripts/settings.sql >"$work/settings.md"

if [[ $1 == --check ]]; then
  diff -u "$2/reference.md" "$work/reference.md" && diff -u "$2/settings.md" "$work/settings.md"
else
  cp "$work/reference.md" "$work/settings.md" "$1"
fi
