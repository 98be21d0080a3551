#!/usr/bin/env bash
# What: no source file has more than 500 lines.
# Why: a file has one subject; 80 to 300 lines hold one, and a reader keeps it in mind.
# Fix: split by subject. Not by halves.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
source_files '*.cpp' '*.hpp' '*.h' '*.sql' '*.sh' '*.pl' '*.pm' '*.t' '*.mk' | grep -v '^extension/' | xargs -r wc -l |
  awk '$2 != "total" && $1 > 500 { print $2 ":1: " $1 " lines"; bad = 1 } END { exit bad }'
