#!/usr/bin/env bash
# Runs isolation specs (test/isolation/specs/NAME.spec against expected/NAME.out) in a throw-away cluster without
# preload. Run as an ordinary user from the root of the tree.
# usage: scripts/run_isolation.sh [NAME]...     default: all. Ends with `N passed, N failed`.
set -euo pipefail
shopt -s nullglob
names=("$@")
if ((${#names[@]} == 0)); then
  for spec in test/isolation/specs/*.spec; do
    spec=${spec##*/}
    names+=("${spec%.spec}")
  done
fi
((${#names[@]} > 0)) || { echo 'run_isolation.sh: no specs' >&2; exit 1; }
tools=$(dirname "$(pg_config --pgxs)")/../test
work=$(mktemp -d)
trap 'scripts/cluster.sh stop "$work/c"; rm -rf "$work"' EXIT

# A spec without an expected output fails with its whole output as the difference, ready to be read and kept.
cp -r test/isolation "$work/input"
for name in "${names[@]}"; do : >>"$work/input/expected/$name.out"; done

scripts/cluster.sh start "$work/c" fsync=off
# A step that waits for a lock longer than this, in seconds, waits for ever.
export PGHOST=$work/c PGUSER=postgres PGISOLATIONTIMEOUT=30
status=0
"$tools/isolation/pg_isolation_regress" --bindir="$(pg_config --bindir)" --inputdir="$work/input" --outputdir="$work" \
  --dbname=isolation --load-extension=pg_atelier "${names[@]}" | tee "$work/report" || status=$?
if ((status != 0)); then cat "$work/regression.diffs" 2>/dev/null || true; fi

# PostgreSQL 15 writes `test NAME ... ok 12 ms`, 16 and later TAP.
passed=$(grep -cE '^(test .* ok |ok )' "$work/report") || true
echo "$passed passed, $((${#names[@]} - passed)) failed"
exit "$status"
