#!/usr/bin/env bash
# Runs the unit tests of the built tree. usage: scripts/run_unit.sh [REGEX]   Ends with `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
report=$(mktemp)
trap 'rm -f "$report"' EXIT
status=0
ctest --test-dir build --no-tests=error --output-on-failure -j 2 --output-junit "$report" -R "${1:-.}" || status=$?

attribute() { sed -n "s/^[[:space:]]*$1=\"\([0-9]*\)\".*/\1/p; s/^<testsuite .*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p" "$report" | head -n 1; }
tests=$(attribute tests)
failed=$(attribute failures)
echo "$((${tests:-0} - ${failed:-0})) passed, ${failed:-0} failed"
exit "$status"
