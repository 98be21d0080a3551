#!/usr/bin/env bash
# Prints the failed tests and then `N passed, N failed` over the TAP that prove dumped into DIRECTORY. A run that failed without a failed test (a
# file that died, a wrong plan) counts as one failure; so does a run without any test.
# usage: scripts/count_tap.sh DIRECTORY STATUS-OF-PROVE
set -euo pipefail
directory=$1 status=$2
lines() { find "$directory" -type f -exec cat {} + 2>/dev/null; }
passed=$(lines | grep -cE '^ok\b') || true
failures=$(lines | grep -E '^not ok\b' | grep -viE '# *t[o]do\b') || true
failed=0
if [[ -n $failures ]]; then
  printf '%s\n' "$failures"
  failed=$(wc -l <<<"$failures")
elif ((status != 0 || passed == 0)); then
  failed=1
fi
echo "$passed passed, $failed failed"
