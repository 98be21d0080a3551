#!/usr/bin/env bash
# Has clang read everything too, which warns of other things than g++; nothing is kept but the precompiled headers in
# build/clang. Run from the root of the tree.
set -euo pipefail
clang=$(command -v clang++-14 || command -v clang++) || { echo 'check_clang.sh: no clang++' >&2; exit 1; }

cmake -S . -B build/clang -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_CXX_COMPILER_LAUNCHER= -DATELIER_TESTS=ON >/dev/null
cmake --build build/clang --target atelier_build_id

# commands FILTER [FLAG]: the compilers' command lines, of precompiled headers or of the rest, each with its directory.
commands() {
  jq -r --arg flag "${2:-}" ".[] | select(.file | endswith(\"cmake_pch.hxx.cxx\") | $1)
    | \"cd '\\(.directory)' && \\(.command) \\(\$flag)\"" build/clang/compile_commands.json
}
run() { xargs -d '\n' -n 1 -P 2 sh -c; }

commands . | run
module_flags=$(make -s print-module-flags)
{
  commands not -fsyntax-only
  printf "$clang -fsyntax-only ${module_flags/-MMD -MP/} %s\n" src/postgres/*.cpp
} | run
