#!/usr/bin/env bash
# What: C++ is laid out as clang-format 14 lays it out (.clang-format).
# Why: nobody reviews blanks. The version is fixed, since each one lays out a little differently.
# Fix: clang-format-14 -i FILE
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
source_files '*.cpp' '*.hpp' | xargs -r clang-format-14 --dry-run --Werror -ferror-limit=1
