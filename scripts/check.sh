#!/usr/bin/env bash
# make check: proves everything, on a machine that has nothing but git, make and a shell. Every step leaves its log in
# build/logs; the last line counts everything: a step without tests of its own counts as one.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

passed=0
failed=0
failures=()

# tally NAME COMMAND...: a step whose counts, or whose outcome if it has none, go into the total.
tally() {
  local name=$1 status=0 counts good=0 bad=0
  step "$@" || status=$?
  counts=$(tail -n 1 "$LOGS/${name%% *}.log")
  if [[ $counts =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    good=${BASH_REMATCH[1]}
    bad=${BASH_REMATCH[2]}
  elif ((status == 0)); then
    good=1
  fi
  if ((status != 0 && bad == 0)); then bad=1; fi
  if ((status != 0)); then failures+=("${name%% *}"); fi
  passed=$((passed + good))
  failed=$((failed + bad))
  return "$status"
}

# The failed tests of a step by name, as TAP, ctest, isolation, static checks, compilers and requirements write them; of
# a step that names none, the end of its log.
failed_tests() {
  grep -E '^not ok |^test/.* Failed: |^FAILED  |^test .* FAILED|^\s+[0-9]+ - \S+ \(|: (fatal )?error: |  NONE  |^(src|sql|test|scripts|docs)/\S+:[0-9]+: ' "$LOGS/$1.log" ||
    tail -n 5 "$LOGS/$1.log"
}

# What is read of a long log is its end.
closing() {
  local name
  for name in "${failures[@]}"; do
    printf '\nfailed in %s:\n' "$name"
    failed_tests "$name" | sed 's/^/  | /'
  done | sed -n 1,30p
  printf '\n%d min %02d s in all; logs in build/logs\n' $((SECONDS / 60)) $((SECONDS % 60))
  echo "$passed passed, $failed failed"
}

# Called as a step: everything that was started from the stage must be gone by now.
nothing_left_running() {
  local pids
  # The servers that tests start work in a directory of it.
  mapfile -t pids < <(stage_processes; processes_of cwd)
  ((${#pids[@]} == 0)) || ! ps -o pid,ppid,user,args -p "$(IFS=,; echo "${pids[*]}")"
}

if [[ -n ${ATELIER_SKIP_PACKAGES:-} ]]; then echo 'packages: not looked at (ATELIER_SKIP_PACKAGES)'; fi
scripts/install_packages.sh build test

tally static scripts/static_checks.sh || true
if ! tally build make -s -j 2 CMAKE_FLAGS=-DATELIER_TESTS=ON; then
  closing
  exit 1
fi
# The tests mostly wait: clang reads beside them, whenever nobody else wants a processor.
clang_log=$(mktemp)
setsid nice -n 19 scripts/check_clang.sh >"$clang_log" 2>&1 </dev/null &
clang=$!
clang_result() {
  local status=0
  wait "$clang" || status=$?
  cat "$clang_log"
  return "$status"
}
leave() {
  kill -- "-$clang" 2>/dev/null || true
  rm -f "$clang_log"
  [[ -z ${STAGE:-} ]] || remove_stage
}
trap leave EXIT

tally exports scripts/check_exports.sh || true
tally unit scripts/run_unit.sh || true

# Prints which requirement this run has carried by which test.
requirements() {
  local status=0
  rm -rf "$LOGS/tap"
  cp -r "$STAGE/tap" "$LOGS/tap" 2>/dev/null || true
  STEP_TAIL=1 tally requirements scripts/requirements.sh "$LOGS/tap" || status=$?
  sed 's/^/  /' "$LOGS/requirements.log"
  return "$status"
}

use_stage "$(mktemp -d /tmp/atelier.XXXXXX)"
if tally install scripts/fill_stage.sh "$STAGE"; then
  tally pgtap as_user ATELIER_TAP="$STAGE/tap" scripts/run_pgtap.sh || true
  tally 'reference (docs are up to date)' as_user scripts/reference.sh --check docs || true
  tally isolation as_user scripts/run_isolation.sh || true
  if ! tally fault as_user ATELIER_FAULT_LOGS="$STAGE/fault" ATELIER_TAP="$STAGE/tap" scripts/run_fault.sh; then
    rm -rf "$LOGS/fault"
    cp -r "$STAGE/fault" "$LOGS/fault" 2>/dev/null || true
  fi
  tally processes nothing_left_running || true
  requirements || true
fi
tally 'clang (reads it too)' clang_result || true

closing
((failed == 0))
