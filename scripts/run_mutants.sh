#!/usr/bin/env bash
# make mutants: for each patch of test/mutants, builds the tree without the mechanism that the patch takes out, and sees
# that the tests it names fail and that nothing else in their files does (format: test/mutants/README).
# usage: scripts/run_mutants.sh [NAME]...     default: all. Ends with `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
home=$PWD
shopt -s nullglob

patches=()
for name in "$@"; do patches+=("$home/test/mutants/$name.patch"); done
((${#patches[@]} > 0)) || patches=("$home"/test/mutants/*.patch)
((${#patches[@]} > 0)) || die 'run_mutants.sh: no patch in test/mutants'
scripts/install_packages.sh build test

use_stage "$(mktemp -d /tmp/atelier.XXXXXX)"
scratch=$(mktemp -d /tmp/atelier.XXXXXX)
trap 'remove_stage; rm -rf "$scratch"' EXIT
# Only what is built from and staged; the build itself knows the path it was made in.
cp -a Makefile CMakeLists.txt control docs scripts sql src test "$scratch"
[[ ! -d extension ]] || cp -a extension "$scratch"
find "$scratch/src" '(' -name '*.o' -o -name '*.d' ')' -delete

# The unit tests take as long to build as all the rest: only for the patches that name one.
unit_tests=OFF
! grep -q '^# must fail: *test/unit/' "${patches[@]}" || unit_tests=ON
build() { make -s -j 2 -C "$scratch" CMAKE_FLAGS="-DATELIER_TESTS=$unit_tests"; }
install() { make -s -C "$scratch" install DESTDIR="$STAGE"; }

# Runs one test file; writes the descriptions of its failed tests to stdout and everything else to the log. A test that
# did not run has not passed, so a file that ends early counts as one more failure.
failed_tests() {
  local file=$1 log=$2
  case $file in
    test/pgtap/*) as_user timeout 900 scripts/run_pgtap.sh "$file" >>"$log" 2>&1 || true ;;
    test/fault/*) as_user timeout 900 scripts/run_fault.sh "$file" >>"$log" 2>&1 || true ;;
    test/isolation/specs/*)
      file=${file##*/}
      as_user scripts/run_isolation.sh "${file%.spec}" >>"$log" 2>&1 || true
      # Without such a line the spec did not run: the extension could not be installed, for instance.
      if grep -qE '^(test .* FAILED|not ok)' "$log"; then echo 'differs'; fi
      return
      ;;
    test/unit/*_test.cpp)
      # The suites of the file; ctest names a test Suite.Test.
      local suites
      suites=$(sed -nE 's/^TEST(_F|_P)?\(([A-Za-z0-9_]+),.*/\2/p' "$scratch/$file" | sort -u | paste -sd '|')
      ctest --test-dir "$scratch/build" --no-tests=error -R "^($suites)\\." >>"$log" 2>&1 || true
      sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) [^*]*\*\*\*.*/\1/p' "$log"
      return
      ;;
    *) die "run_mutants.sh: $file is of no known kind" ;;
  esac
  sed -nE 's/^not ok [0-9]+ - //p' "$log"
  if grep -q '^ *Parse errors:' "$log" || ! grep -q '^Result: ' "$log"; then echo '(the file does not run to its end)'; fi
}

# One mutant; the outcome in words, status 0 if all is as the patch says.
judge() {
  local patch=$1 log=$2 files expected actual file
  expected=$(sed -n 's/^# must fail: *//p' "$patch" | sort)
  files=$(sed -n 's/^\([^:]*\): .*/\1/p' <<<"$expected" | sort -u)
  [[ -n $files ]] || { echo 'it names no test that must fail'; return 1; }
  if ! { build && install; } >>"$log" 2>&1; then
    echo "it does not build, see $log"
    return 1
  fi
  actual=$(for file in $files; do failed_tests "$file" "$log.${file##*/}" | sed "s|^|$file: |"; done | sort)
  [[ $actual != "$expected" ]] || return 0
  diff <(printf '%s\n' "$expected") <(printf '%s\n' "$actual") | sed -n 's/^< \(.\)/should have failed: \1/p; s/^> \(.\)/should have passed: \1/p'
  echo "logs: $log*"
  return 1
}

mkdir -p "$LOGS/mutants"
rm -f "$LOGS"/mutants/*
step 'build (without mutation)' build
step install "$scratch/scripts/fill_stage.sh" "$STAGE"

passed=0
failed=0
for patch in "${patches[@]}"; do
  name=$(basename "$patch" .patch)
  started=$SECONDS
  printf '%-24s %s\n' "$name" "$(sed -n 's/^# mechanism: *//p' "$patch")"
  words=''
  if ! patch -s -p1 -d "$scratch" --dry-run <"$patch" >"$LOGS/mutants/$name" 2>&1; then
    words="the patch does not apply, see $LOGS/mutants/$name"
  else
    patch -s -p1 -d "$scratch" --no-backup-if-mismatch <"$patch"
    words=$(judge "$patch" "$LOGS/mutants/$name") || words=${words:-failed}
    patch -s -p1 -R -d "$scratch" --no-backup-if-mismatch <"$patch"
  fi
  if [[ -z $words ]]; then
    passed=$((passed + 1))
    echo "  as expected, its tests fail ($((SECONDS - started)) s)"
  else
    failed=$((failed + 1))
    printf '  %s\n' "${words//$'\n'/$'\n'  }"
  fi
done
echo "$passed passed, $failed failed"
((failed == 0))
