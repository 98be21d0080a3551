#!/usr/bin/env bash
# make check-versions: builds and tries out on PostgreSQL 17 and 18, in chroots of Debian trixie and forky. Outside
# `make check`, because it fetches two systems. Needs root. The chroots stay under /var/tmp for the next time; mounts
# live in a mount namespace and vanish with it.
# usage: scripts/check_versions.sh [trixie|forky]...     Ends with `N passed, N failed`.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

if ((EUID != 0)); then exec sudo "$0" "$@"; fi
suites=("$@")
((${#suites[@]} > 0)) || suites=(trixie forky)
scripts/install_packages.sh versions

# The mirror that this machine's own packages come from.
mirror() {
  local found
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's/^URIs: *([^ ]*debian\/?)( .*)?$/\1/p; s/^deb (\[[^]]*\] )?([^ ]*debian\/?) .*/\2/p' | head -n 1)
  echo "${found:-http://deb.debian.org/debian}"
}

root_of() { echo "/var/tmp/pg_atelier_$1"; }

# in_chroot SUITE COMMAND...: with /proc and /dev of its own namespace and a clean environment.
in_chroot() {
  local root
  root=$(root_of "$1")
  shift
  # shellcheck disable=SC2016 # the inner shell expands these
  unshare -m --propagation private bash -c '
    root=$1; shift
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" && mount -t tmpfs -o mode=1777 tmpfs "$root/tmp" &&
      exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"' sh "$root" "$@"
}

# debootstrap knows forky only by newer versions of itself; all young suites are made alike.
make_chroot() {
  local suite=$1 root
  root=$(root_of "$suite")
  [[ ! -e $root/.complete ]] || return 0
  rm -rf "$root" &&
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$(mirror)" /usr/share/debootstrap/scripts/sid &&
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" &&
    chmod +x "$root/usr/sbin/policy-rc.d" &&
    # A mirror that keeps one state of a moving suite serves lists past their date.
    echo 'Acquire::Check-Valid-Until "false";' >"$root/etc/apt/apt.conf.d/99mirror" &&
    touch "$root/.complete"
}

# The tree as it is now, without what was built.
copy_tree() {
  local root
  root=$(root_of "$1")
  rm -rf "$root/src/pg_atelier" &&
    mkdir -p "$root/src/pg_atelier" &&
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" &&
    tar -c --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.d' --exclude='*.so' . | tar -x -C "$root/src/pg_atelier"
}

build() { in_chroot "$1" sh -c 'cd /src/pg_atelier && scripts/install_packages.sh build && make -s -j 2 CMAKE_FLAGS="-DATELIER_TESTS=OFF -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON"'; }
try_out() { in_chroot "$1" sh -c 'cd /src/pg_atelier && scripts/smoke.sh'; }

passed=0
failed=0
for suite in "${suites[@]}"; do
  if step "chroot-$suite" make_chroot "$suite" && step "tree-$suite" copy_tree "$suite" &&
    step "build-$suite" build "$suite" && step "smoke-$suite" try_out "$suite"; then
    passed=$((passed + 1))
    grep -h '^PostgreSQL ' "$LOGS/smoke-$suite.log" || true
  else
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
((failed == 0))
