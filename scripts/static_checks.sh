#!/usr/bin/env bash
# Runs every check of scripts/checks: each reads the source, prints what it finds as FILE:LINE: ..., and ends with 0 when
# it finds nothing. What a check is for and how to mend what it finds stands at the top of its file.
# usage: scripts/static_checks.sh     Ends with `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
passed=0
failed=0
for check in scripts/checks/*.sh; do
  if findings=$("$check" 2>&1); then
    passed=$((passed + 1))
    echo "ok      $check"
  else
    failed=$((failed + 1))
    echo "FAILED  $check (why, and how to mend it: at the top of that file)"
    printf '%s\n' "$findings"
  fi
done
echo "$passed passed, $failed failed"
((failed == 0))
