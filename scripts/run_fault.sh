#!/usr/bin/env bash
# Runs the fault tests: Perl TAP files, each with clusters of its own that preload pg_atelier (test/support/Atelier.pm);
# three at a time, since they wait more than they work.
# Run as an ordinary user from the root of the tree. Server logs of a failed test stay in ATELIER_FAULT_LOGS.
# usage: scripts/run_fault.sh [FILE]...     default: all of test/fault. Ends with `N passed, N failed`.
# The TAP of the run stays in ATELIER_TAP.
set -euo pipefail
shopt -s nullglob
files=("$@")
((${#files[@]} > 0)) || files=(test/fault/*.t)
((${#files[@]} > 0)) || { echo 'run_fault.sh: no test files' >&2; exit 1; }
tools=$(dirname "$(pg_config --pgxs)")/../test
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export PERL5LIB=$tools/perl:$PWD/test/support
export PG_REGRESS=$tools/regress/pg_regress
export TESTDIR=$work TESTDATADIR=$work/tmp_check TESTLOGDIR=$work/tmp_check/log PG_TEST_PORT_DIR=$work/ports
status=0
PERL_TEST_HARNESS_DUMP_TAP=$work/tap prove -j 3 --timer "${files[@]}" || status=$?
if ((status != 0)) && [[ -n ${ATELIER_FAULT_LOGS:-} ]]; then
  mkdir -p "$ATELIER_FAULT_LOGS"
  cp -r "$work/tmp_check/log/." "$ATELIER_FAULT_LOGS"
fi
if [[ -n ${ATELIER_TAP:-} ]]; then
  mkdir -p "$ATELIER_TAP"
  cp -r "$work/tap/." "$ATELIER_TAP"
fi
scripts/count_tap.sh "$work/tap" "$status"
exit "$status"
