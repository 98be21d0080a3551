#!/usr/bin/env bash
# What: shellcheck finds nothing in any shell script.
# Why: most of what it reports (a missing quote, a swallowed status) shows only on somebody else's machine.
# Fix: what its message says; a deliberate exception is a `# shellcheck disable=` line with its reason beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
{
  source_files '*.sh'
  echo .ci/run
} | xargs shellcheck -x -f gcc
