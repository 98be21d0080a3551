#!/usr/bin/env bash
# Runs pgTAP files in a throw-away cluster without preload, so that no worker interferes: each file in a database of its
# own, copied from a template that holds pgtap and pg_atelier. Run as an ordinary user from the root of the tree.
# usage: scripts/run_pgtap.sh [FILE]...     default: all of test/pgtap. Ends with `N passed, N failed`.
# The TAP of the run stays in ATELIER_TAP.
set -euo pipefail
shopt -s nullglob
files=("$@")
((${#files[@]} > 0)) || files=(test/pgtap/*.sql)
((${#files[@]} > 0)) || { echo 'run_pgtap.sh: no test files' >&2; exit 1; }
work=$(mktemp -d)
trap 'scripts/cluster.sh stop "$work/c"; rm -rf "$work"' EXIT

scripts/cluster.sh start "$work/c" fsync=off max_connections=40
export PGHOST=$work/c PGUSER=postgres PGDATABASE=postgres ATELIER_TEMPLATE=atelier_template
psql -Xqc "create database $ATELIER_TEMPLATE"
psql -Xq -v ON_ERROR_STOP=1 -d "$ATELIER_TEMPLATE" -c 'create extension pgtap' -c 'create extension pg_atelier'

status=0
PERL_TEST_HARNESS_DUMP_TAP=$work/tap pg_prove --timer -j 2 --psql-bin scripts/psql_fresh.sh "${files[@]}" || status=$?
if [[ -n ${ATELIER_TAP:-} ]]; then
  mkdir -p "$ATELIER_TAP"
  cp -r "$work/tap/." "$ATELIER_TAP"
fi
scripts/count_tap.sh "$work/tap" "$status"
exit "$status"
