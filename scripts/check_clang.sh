#!/usr/bin/env bash
# Compiles everything with clang too, which warns of other things than g++; nothing is kept but objects in build/clang.
# Run from the root of the tree.
set -euo pipefail
clang=$(command -v clang++-14 || command -v clang++) || { echo 'check_clang.sh: no clang++' >&2; exit 1; }

cmake -S . -B build/clang -DCMAKE_CXX_COMPILER="$clang" -DATELIER_TESTS=ON >/dev/null
cmake --build build/clang --parallel 2

flags=$(make -s print-module-flags)
flags=${flags/-MMD -MP/}
# shellcheck disable=SC2086 # several words
printf '%s\0' src/postgres/*.cpp | xargs -0 -n 1 -P 2 "$clang" -fsyntax-only $flags
